#include "discovery/consul_api.hpp"

#include <random>

#include "base/log.hpp"
#include "discovery/consul_codec.hpp"

namespace cm::discovery {
namespace {

using namespace std::chrono_literals;

constexpr int kTries = 5;     // of a request that finds no free connection
constexpr int kRefusals = 3;  // within kEpisode that are no accident of a Consul that restarts
constexpr auto kEpisode = 30s;
constexpr auto kLimitForgotten = 10min;  // without a refusal: the next one is told again

constexpr std::string_view kLimit =
    "Consul takes limits.http_max_conns_per_client connections from one address (200 by default): raise that in the "
    "configuration of its agent, or run an agent on each machine";

// All but the agent's own endpoints take the datacenter.
std::string with_datacenter(std::string path, const std::string& datacenter) {
  if (datacenter.empty() || path.starts_with("/v1/agent/")) return path;
  const char joint = path.find('?') == std::string::npos ? '?' : '&';
  return path + joint + "dc=" + consul::escape(datacenter);
}

ConsulAnswer judge(const std::string& what, base::Result<HttpAnswer> got) {
  ConsulAnswer out;
  if (!got) {
    out.error = "no answer to " + what + ": " + got.error().text;
    out.limited = out.error.find(kClosedAtOnce) != std::string::npos;
    if (out.limited) out.error += "; if Consul runs, " + std::string(kLimit);
    return out;
  }
  out.status = got->status;
  out.index = consul::parse_index(got->header("x-consul-index"));
  out.body = std::move(got->body);
  if (got->too_long) out.error = "the answer to " + what + " is too long: there is too much under that key or kind";
  if (out.status == 200 || out.status == 404) return out;
  std::string said = out.body.substr(0, 300);
  while (!said.empty() && (said.back() == '\n' || said.back() == '.')) said.pop_back();
  out.error = "Consul answered " + std::to_string(out.status) + " to " + what;
  if (!said.empty()) out.error += ": " + base::log_value(said);
  if (out.forbidden()) {
    out.error += out.token_unknown()
                     ? "; the token is not known to Consul: it expired, was deleted, or is of another Consul"
                     : "; the token needs the policy that `cellmesh acl-policy` prints";
  } else if (out.status == 429) {
    out.limited = true;
    out.error += "; " + std::string(kLimit);
  } else if (out.status == 500 && said.find("No path to datacenter") != std::string::npos) {
    out.error += "; the datacenter must be one that this Consul knows: `consul catalog datacenters`";
  } else if (out.status >= 300 && out.status < 400) {
    out.error += "; the address is not that of Consul's HTTP API";
  }
  return out;
}

}  // namespace

struct ConsulApi::Call {
  Call(Loop& l, HttpRequest r, int t, Done d)
      : loop(l), request(std::move(r)), tries(t), done(std::move(d)), backoff(200ms, 1500ms), again(l) {}
  ~Call() {
    if (http != 0) loop.http().cancel(http);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  Loop& loop;
  const HttpRequest request;
  int tries;
  Done done;
  HttpClient::Id http = 0;
  Backoff backoff;
  Timer again;
};

ConsulApi::ConsulApi(Loop& loop, const ConsulConfig& config, std::function<void(const ConsulAnswer&)> on_forbidden)
    : loop_(loop), config_(config), on_forbidden_(std::move(on_forbidden)), token_(config) {}

ConsulApi::~ConsulApi() = default;

void ConsulApi::cancel(Id id) { calls_.erase(id); }

HttpClientConfig ConsulApi::http_config(const ConsulConfig& config) {
  HttpClientConfig out;
  out.ca_file = config.ca_file;
  out.cert_file = config.cert_file;
  out.key_file = config.key_file;
  out.max_answer = config.max_answer;
  // All of 127.0.0.0/8 is this machine. With an address of its own, a host does not share Consul's limit with others.
  if (config.url.find("://127.") != std::string::npos) {
    const std::uint32_t any = std::random_device{}();
    out.source_address = "127." + std::to_string(64 + (any >> 16U) % 128) + "." + std::to_string((any >> 8U) % 256) +
                         "." + std::to_string(1 + any % 254);
  }
  return out;
}

ConsulApi::Id ConsulApi::call(ConsulRequest request, Done done) {
  HttpRequest http;
  http.method = std::move(request.method);
  http.url = with_datacenter(std::move(request.path), config_.datacenter);
  http.body = std::move(request.body);
  http.timeout = config_.request_timeout;
  http.urgent = request.urgent;
  http.more_follow = request.more_follow;
  return start(std::move(http), kTries, std::move(done));
}

ConsulApi::Id ConsulApi::watch(const std::string& path, std::uint64_t index, Done done) {
  HttpRequest http;
  http.url = with_datacenter(path, config_.datacenter);
  http.timeout = config_.request_timeout;
  if (index != 0) {
    const char joint = http.url.find('?') == std::string::npos ? '?' : '&';
    http.url += joint + ("index=" + std::to_string(index)) + "&wait=" + std::to_string(config_.wait.count()) + "ms";
    http.timeout += config_.wait + config_.wait / 8;  // Consul adds up to a sixteenth
    http.long_poll = true;
  }
  return start(std::move(http), index != 0 ? 1 : kTries, std::move(done));  // who watches has a backoff of its own
}

ConsulApi::Id ConsulApi::start(HttpRequest request, int tries, Done done) {
  const Id id = ++last_id_;
  calls_.emplace(id, std::make_unique<Call>(loop_, std::move(request), tries, std::move(done)));
  send(id);
  return id;
}

void ConsulApi::send(Id id) {
  Call& call = *calls_.at(id);
  HttpRequest request = call.request;
  request.url.insert(0, config_.url);
  if (!token_.value().empty()) request.headers.emplace_back("X-Consul-Token", token_.value());
  call.http = loop_.http().send(std::move(request), [this, id](auto got) { on_answer(id, std::move(got)); });
}

void ConsulApi::on_answer(Id id, base::Result<HttpAnswer> got) {
  const auto it = calls_.find(id);
  Call& call = *it->second;
  call.http = 0;
  ConsulAnswer answer =
      judge(call.request.method + " " + call.request.url.substr(0, call.request.url.find('?')), std::move(got));
  note_limit(answer);
  if (answer.limited) {
    if (--call.tries > 0) {
      call.again.set(call.backoff.next(), [this, id] { send(id); });
      return;
    }
  }
  const std::unique_ptr<Call> over = std::move(it->second);
  calls_.erase(it);
  if (answer.forbidden() && on_forbidden_) on_forbidden_(answer);
  over->done(std::move(answer));
}

// Consul before 1.9 closes a connection beyond its limit without a word, later ones answer 429. The first also happens
// when Consul ends, so it must happen again, beside requests that are answered.
void ConsulApi::note_limit(const ConsulAnswer& answer) {
  const auto now = Loop::Clock::now();
  if (answer.limited) {
    if (now - refused_since_ > kEpisode) {
      refused_since_ = now;
      refusals_ = 0;
    }
    ++refusals_;
  }
  if (answer.status == 0 || (answer.status != 429 && (refusals_ < kRefusals || now - refused_since_ > kEpisode)))
    return;
  refusals_ = 0;
  if (complained_at_ == Loop::Clock::time_point{} || now - complained_at_ > kLimitForgotten)
    base::log(base::Room::discovery)
        .warn("Consul at {} refuses connections; {}; it is tried again", config_.url, kLimit);
  complained_at_ = now;
}

}  // namespace cm::discovery
