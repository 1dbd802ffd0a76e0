#include "support/consul.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <stdexcept>
#include <utility>

namespace cm::test {
namespace {

constexpr int kStarts = 5;

class Socket {
 public:
  explicit Socket(int type) : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {}
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool can_bind(std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const Socket socket(type);
    if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  }
  return true;
}

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) {
    if (c == '#') {
      out += "%23";
    } else if (c == '@') {
      out += "%40";
    } else {
      out += c;
    }
  }
  return out;
}

// Asks by HTTP/1.0, which ends with the connection; status 0 when nobody answers.
ConsulServer::Reply ask(std::uint16_t port, const std::string& text) {
  const Socket socket(SOCK_STREAM);
  timeval bound{};
  bound.tv_sec = 10;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  const sockaddr_in address = loopback(port);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t n = ::send(socket.fd(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return {};
    sent += static_cast<std::size_t>(n);
  }
  std::string got;
  std::array<char, 16384> chunk{};
  for (;;) {
    const ssize_t n = ::recv(socket.fd(), chunk.data(), chunk.size(), 0);
    if (n <= 0) break;
    got.append(chunk.data(), static_cast<std::size_t>(n));
  }
  const auto end = got.find("\r\n\r\n");
  if (end == std::string::npos || got.size() < 12) return {};
  return {std::stoi(got.substr(9, 3)), got.substr(end + 4)};
}

}  // namespace

std::uint16_t free_port() {
  static std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> any(15000, 32000);
  for (int i = 0; i < 1000; ++i) {
    const auto port = static_cast<std::uint16_t>(any(random));
    if (can_bind(port)) return port;
  }
  throw std::runtime_error("no free loopback port between 15000 and 32000");
}

ConsulServer::ConsulServer(Options options) : options_(std::move(options)) {
  // Another test may take a port between the choice and the start.
  for (int i = 0; i < kStarts; ++i) {
    choose_ports();
    write_config();
    launch();
    if (await_leader()) return;
  }
  throw std::runtime_error("Consul does not start:\n" + process_->output());
}

ConsulServer::~ConsulServer() = default;

void ConsulServer::choose_ports() {
  for (auto& port : ports_) port = free_port();
}

void ConsulServer::write_config() const {
  write_file(
      folder_ / "consul.json",
      std::string(R"({"bind_addr":"127.0.0.1","client_addr":"127.0.0.1","disable_update_check":true,)"
                  R"("connect":{"enabled":false},"performance":{"raft_multiplier":1},"leave_on_terminate":false,)"
                  R"("ports":{"dns":-1,"grpc":-1,"serf_wan":-1,)") +
          (options_.tls.empty() ? R"("http":)" : R"("http":-1,"https":)") + std::to_string(ports_[kHttp]) +
          R"(,"server":)" + std::to_string(ports_[kServer]) + R"(,"serf_lan":)" + std::to_string(ports_[kSerf]) + "}}");
  if (options_.acl) {
    write_file(
        folder_ / "acl.json",
        R"({"acl":{"enabled":true,"default_policy":"deny","token_ttl":"1s","policy_ttl":"1s","tokens":{"master":")" +
            std::string(kMaster) + R"(","agent":")" + kMaster + R"("}}})");
  }
  if (!options_.more.empty()) write_file(folder_ / "more.json", options_.more);
  if (!options_.tls.empty()) {
    const std::string from = options_.tls.string();
    write_file(folder_ / "tls.json", R"({"verify_incoming_https":true,"ca_file":")" + from +
                                         R"(/ca.pem","cert_file":")" + from + R"(/cert.pem","key_file":")" + from +
                                         R"(/key.pem"})");
  }
}

void ConsulServer::launch() {
  ProcessOptions options;
  options.command = {"consul", "agent", "-config-file=" + (folder_ / "consul.json").string()};
  for (const char* more : {"acl.json", "more.json", "tls.json"}) {
    if (std::filesystem::exists(folder_ / more)) options.command.push_back("-config-file=" + (folder_ / more).string());
  }
  if (options_.data == Data::forgets) {
    options.command.emplace_back("-dev");
  } else {
    options.command.emplace_back("-server");
    options.command.emplace_back("-bootstrap-expect=1");
    options.command.push_back("-data-dir=" + (folder_ / "data").string());
  }
  options.log = folder_ / "consul.log";
  process_ = std::make_unique<Process>(std::move(options));
}

bool ConsulServer::await_leader() {
  bool ended = false;
  const bool there = wait_until([&] {
    ended = !process_->running();
    if (!options_.tls.empty())
      return ended || process_->output().find("cluster leadership acquired") != std::string::npos;
    return ended || (request("GET", "/v1/status/leader").body.size() > 2 &&
                     (!options_.acl || request("GET", "/v1/acl/policies").status == 200));
  });
  return there && !ended;
}

std::string ConsulServer::url() const {
  return (options_.tls.empty() ? "http" : "https") + std::string("://127.0.0.1:") + std::to_string(ports_[kHttp]);
}

void ConsulServer::kill9() { process_->kill9(); }

void ConsulServer::start() {
  process_.reset();
  launch();
  if (!await_leader()) throw std::runtime_error("Consul does not start again:\n" + process_->output());
}

void ConsulServer::freeze() {
  process_->signal(SIGSTOP);
  const std::string stat = "/proc/" + std::to_string(process_->pid()) + "/stat";
  const bool stopped = wait_until([&] {
    const std::string text = read_file(stat);
    const auto name_end = text.rfind(')');
    return name_end != std::string::npos && text.substr(name_end, 3) == ") T";
  });
  if (!stopped) throw std::runtime_error("Consul does not freeze");
}

void ConsulServer::thaw() { process_->signal(SIGCONT); }

ConsulServer::Reply ConsulServer::request(const std::string& method, const std::string& path,
                                          const std::string& body) const {
  return request_as(options_.acl ? kMaster : "", method, path, body);
}

ConsulServer::Reply ConsulServer::request_as(const std::string& token, const std::string& method,
                                             const std::string& path, const std::string& body) const {
  return ask(ports_[kHttp], method + " " + path + " HTTP/1.0\r\nHost: 127.0.0.1\r\n" +
                                (token.empty() ? "" : "X-Consul-Token: " + token + "\r\n") +
                                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

// The first text member of this name.
std::string ConsulServer::field_of(const Reply& reply, const std::string& name) const {
  const auto name_at = reply.body.find('"' + name + "\":");
  const auto begin = name_at == std::string::npos ? name_at : reply.body.find('"', name_at + name.size() + 3);
  if (reply.status != 200 || begin == std::string::npos)
    throw std::runtime_error("Consul answers " + std::to_string(reply.status) + " without " + name + ": " + reply.body);
  return reply.body.substr(begin + 1, reply.body.find('"', begin + 1) - begin - 1);
}

namespace {

std::string policy_json(const std::string& name, const std::string& rules) {
  std::string text;
  for (const char c : rules) {
    if (c == '"' || c == '\\') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return R"({"Name":")" + name + R"(","Rules":")" + text + "\"}";
}

}  // namespace

ConsulServer::Token ConsulServer::make_token(const std::string& name, const std::string& rules) {
  policies_[name] = field_of(request("PUT", "/v1/acl/policy", policy_json(name, rules)), "ID");
  const auto made = request("PUT", "/v1/acl/token", R"({"Policies":[{"Name":")" + name + "\"}]}");
  return {field_of(made, "SecretID"), field_of(made, "AccessorID")};
}

void ConsulServer::change_rules(const std::string& name, const std::string& rules) {
  (void)field_of(request("PUT", "/v1/acl/policy/" + policies_.at(name), policy_json(name, rules)), "ID");
}

void ConsulServer::delete_token(const Token& token) {
  if (request("DELETE", "/v1/acl/token/" + token.accessor).status != 200)
    throw std::runtime_error("Consul keeps a token");
}

std::string ConsulServer::get(const std::string& path) const {
  Reply reply = request("GET", path);
  if (reply.status != 200) throw std::runtime_error("GET " + path + " of Consul: " + std::to_string(reply.status));
  return std::move(reply.body);
}

void ConsulServer::kv_put(const std::string& key, const std::string& value) {
  if (request("PUT", "/v1/kv/" + escaped(key), value).status != 200)
    throw std::runtime_error("Consul does not take " + key);
}

std::optional<std::string> ConsulServer::kv_get(const std::string& key) const {
  Reply reply = request("GET", "/v1/kv/" + escaped(key) + "?raw");
  if (reply.status == 404) return std::nullopt;
  if (reply.status != 200) throw std::runtime_error("Consul does not tell " + key);
  return std::move(reply.body);
}

void ConsulServer::kv_delete(const std::string& key_or_prefix, bool recurse) {
  if (request("DELETE", "/v1/kv/" + escaped(key_or_prefix) + (recurse ? "?recurse" : "")).status != 200)
    throw std::runtime_error("Consul does not delete " + key_or_prefix);
}

}  // namespace cm::test
