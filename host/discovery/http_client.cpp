#include "discovery/http_client.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>
#include <map>
#include <stdexcept>

#include <curl/curl.h>
#include <sys/socket.h>

#include "base/peer_timeout.hpp"

namespace cm::discovery {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxHeaders = 64;
constexpr std::size_t kMaxHeaderLine = 4096;
constexpr curl_off_t kAtOnce = 2'000'000;  // us
constexpr std::chrono::seconds kPeerTimeout{20};

// libcurl wants this once a process; its own guard makes it safe from any thread.
void init_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) throw std::runtime_error(std::string("libcurl cannot start: ") + curl_easy_strerror(code));
}

struct EasyDelete {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDelete {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct UrlDelete {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

// Not inherited by child processes.
curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) {
  const int socket = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (socket >= 0) base::set_peer_timeout(socket, kPeerTimeout);
  return socket;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view lower_case_name) const {
  const auto it =
      std::find_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == lower_case_name; });
  return it == headers.end() ? std::string_view() : std::string_view(it->second);
}

struct HttpClient::Impl {
  struct Transfer {
    Id id = 0;
    HttpRequest request;
    Done done;
    std::unique_ptr<curl_slist, ListDelete> headers;
    std::unique_ptr<CURL, EasyDelete> easy;  // empty while it waits for its turn
    HttpAnswer answer;
    std::size_t max_answer = 0;
    bool status_line = false;  // something of an answer came
    std::array<char, CURL_ERROR_SIZE> error{};
  };

  explicit Impl(HttpClientConfig c) : config(std::move(c)) {
    init_curl();
    multi = curl_multi_init();
    if (multi == nullptr) throw std::runtime_error("libcurl cannot start: no memory for a multi handle");
  }

  ~Impl() {
    for (auto& [id, transfer] : transfers) {
      if (transfer->easy) curl_multi_remove_handle(multi, transfer->easy.get());
    }
    transfers.clear();
    curl_multi_cleanup(multi);
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  static void add_header(Transfer& t, const std::string& line) {
    curl_slist* longer = curl_slist_append(t.headers.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)t.headers.release();
    t.headers.reset(longer);
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
    auto& t = *static_cast<Transfer*>(user);
    if (size > t.max_answer - t.answer.body.size()) {
      t.answer.too_long = true;
      t.answer.body.clear();
      return 0;
    }
    t.answer.body.append(data, size);
    return size;
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
    auto& t = *static_cast<Transfer*>(user);
    t.status_line = true;
    const std::string_view line(data, size);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || size > kMaxHeaderLine || t.answer.headers.size() >= kMaxHeaders) return size;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    t.answer.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
    return size;
  }

  void begin(Transfer& t) {
    t.easy.reset(curl_easy_init());
    if (!t.easy) throw std::bad_alloc();
    CURL* e = t.easy.get();
    t.max_answer = config.max_answer;
    curl_easy_setopt(e, CURLOPT_URL, t.request.url.c_str());
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    for (const auto& [name, value] : t.request.headers) add_header(t, name + ": " + value);
    add_header(t, "Expect:");        // a body is sent without asking first
    add_header(t, "Content-Type:");  // what is sent is not a form
    // Over TLS all requests share one connection, if the server speaks HTTP/2.
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    if (t.request.url.starts_with("https:")) curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
    // Servers limit the connections of an address: one stays open only for who uses it at once.
    if (!t.request.long_poll && !t.request.more_follow && waiting.empty())
      curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t.request.method.c_str());
    if (t.request.method != "GET") {
      curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(t.request.body.size()));
      curl_easy_setopt(e, CURLOPT_POSTFIELDS, t.request.body.c_str());
    }
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t.headers.get());
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, static_cast<long>(t.request.timeout.count()));
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config.connect_timeout.count()));
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    if (!config.source_address.empty())
      curl_easy_setopt(e, CURLOPT_INTERFACE, ("host!" + config.source_address).c_str());
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (!config.ca_file.empty()) curl_easy_setopt(e, CURLOPT_CAINFO, config.ca_file.c_str());
    if (!config.cert_file.empty()) curl_easy_setopt(e, CURLOPT_SSLCERT, config.cert_file.c_str());
    if (!config.key_file.empty()) curl_easy_setopt(e, CURLOPT_SSLKEY, config.key_file.c_str());
    curl_easy_setopt(e, CURLOPT_KEYPASSWD, "");         // else OpenSSL asks at the terminal
    curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L);  // files are read again when they change
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, &on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, &t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, &on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, &t);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t.error.data());
    curl_easy_setopt(e, CURLOPT_PRIVATE, &t);
    curl_multi_add_handle(multi, e);
  }

  void begin_waiting() {
    while (!waiting.empty() && under_way < config.max_under_way) {
      const auto it = transfers.find(waiting.front());
      waiting.pop_front();
      if (it == transfers.end()) continue;  // cancelled
      ++under_way;
      begin(*it->second);
    }
  }

  // Takes it out; whoever holds it may free it then.
  std::unique_ptr<Transfer> take(std::map<Id, std::unique_ptr<Transfer>>::iterator it) {
    std::unique_ptr<Transfer> t = std::move(it->second);
    transfers.erase(it);
    if (!t->easy) return t;
    curl_multi_remove_handle(multi, t->easy.get());
    if (!t->request.long_poll) --under_way;
    return t;
  }

  // What a person can do about a failure of TLS; empty if it was something else.
  [[nodiscard]] std::string tls_hint(CURLcode code, std::string_view text, bool gone_at_once) const {
    const std::string pair = config.cert_file + " and its key " + config.key_file;
    if (code == CURLE_SSL_CERTPROBLEM)
      return "; the client certificate " + pair +
             " must be PEM files that belong together, the key without a passphrase";
    if (code == CURLE_SSL_CACERT_BADFILE)
      return "; the CA file " + config.ca_file + " must be a PEM file of certificates that this user may read";
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
      return "; the server's certificate must be for the name in the address, and signed by " +
             (config.ca_file.empty() ? "a CA that this system trusts: give the CA file" : "a CA of " + config.ca_file);
    }
    if (text.find("alert") == std::string_view::npos && !gone_at_once) return {};
    return config.cert_file.empty() ? "; the server wants a client certificate: give one, and its key"
                                    : "; the server does not take the client certificate " + pair +
                                          ": it must be valid now, and signed by a CA that the server trusts";
  }

  [[nodiscard]] base::Result<HttpAnswer> outcome(Transfer& t, CURLcode code) {
    if (code == CURLE_INTERFACE_FAILED) config.source_address.clear();  // it goes without from now on
    if (code != CURLE_OK && !t.answer.too_long) {
      std::string text = t.error[0] != '\0' ? t.error.data() : curl_easy_strerror(code);
      // So quickly that libcurl could not tell yet whom it talks to.
      const bool gone_at_once = text.find("getpeername") != std::string::npos;
      const bool tls = t.request.url.starts_with("https:");
      if (const std::string hint = tls_hint(code, text, tls && gone_at_once); !hint.empty())
        return base::error(text + hint);
      long connects = 0;
      curl_easy_getinfo(t.easy.get(), CURLINFO_NUM_CONNECTS, &connects);
      curl_off_t took = 0;
      curl_easy_getinfo(t.easy.get(), CURLINFO_TOTAL_TIME_T, &took);
      const bool cut =
          code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || gone_at_once;
      if (cut && connects > 0 && !t.status_line && took < kAtOnce)
        text += std::string("; ") + std::string(kClosedAtOnce);
      return base::error(std::move(text));
    }
    long status = 0;
    curl_easy_getinfo(t.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    t.answer.status = static_cast<int>(status);
    return std::move(t.answer);
  }

  bool call_done() {
    bool any = false;
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      void* user = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
      const std::unique_ptr<Transfer> t = take(transfers.find(static_cast<Transfer*>(user)->id));
      any = true;
      t->done(outcome(*t, code));
    }
    return any;
  }

  // Constant after construction.
  HttpClientConfig config;
  CURLM* multi = nullptr;
  // The owner's thread.
  std::map<Id, std::unique_ptr<Transfer>> transfers;
  std::deque<Id> waiting;
  std::size_t under_way = 0;  // without long polls
  Id last_id = 0;
};

HttpClient::HttpClient(HttpClientConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
HttpClient::~HttpClient() = default;

HttpClient::Id HttpClient::send(HttpRequest request, Done done) {
  auto transfer = std::make_unique<Impl::Transfer>();
  Impl::Transfer& t = *transfer;
  t.id = ++impl_->last_id;
  t.request = std::move(request);
  t.done = std::move(done);
  impl_->transfers.emplace(t.id, std::move(transfer));
  if (t.request.long_poll) {
    impl_->begin(t);
  } else if (t.request.urgent) {
    impl_->waiting.push_front(t.id);
  } else {
    impl_->waiting.push_back(t.id);
  }
  return t.id;
}

void HttpClient::cancel(Id id) {
  if (const auto it = impl_->transfers.find(id); it != impl_->transfers.end()) impl_->take(it);
}

void HttpClient::poll(std::chrono::milliseconds wait) {
  int running = 0;
  impl_->begin_waiting();
  curl_multi_perform(impl_->multi, &running);
  if (impl_->call_done()) return;  // it may have left work to the caller: no waiting
  curl_multi_poll(impl_->multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  curl_multi_perform(impl_->multi, &running);
  impl_->call_done();
}

void HttpClient::wakeup() { curl_multi_wakeup(impl_->multi); }

base::Result<std::string> HttpClient::normalize_url(std::string_view url) {
  const auto refuse = [&](const std::string& why) {
    return base::error("\"" + std::string(url.substr(0, 300)) + "\" is no address of an HTTP server: " + why +
                       "; write it like http://127.0.0.1:8500");
  };
  const std::string text = url.find("://") == std::string_view::npos ? "http://" + std::string(url) : std::string(url);
  if (url.empty()) return refuse("it is empty");
  const std::unique_ptr<CURLU, UrlDelete> parsed(curl_url());
  const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) return refuse(curl_url_strerror(code));
  const auto part = [&](CURLUPart which) {
    char* value = nullptr;
    std::string out;
    if (curl_url_get(parsed.get(), which, &value, 0) == CURLUE_OK) out = value;
    curl_free(value);
    return out;
  };
  const std::string scheme = part(CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return refuse("\"" + scheme + "\" is neither http nor https");
  if (!part(CURLUPART_USER).empty()) return refuse("a token is given apart, not in the address");
  if (!part(CURLUPART_QUERY).empty() || !part(CURLUPART_FRAGMENT).empty()) return refuse("it has a query");
  std::string path = part(CURLUPART_PATH);
  while (!path.empty() && path.back() == '/') path.pop_back();
  const std::string port = part(CURLUPART_PORT);
  return scheme + "://" + part(CURLUPART_HOST) + (port.empty() ? "" : ":" + port) + path;
}

}  // namespace cm::discovery
