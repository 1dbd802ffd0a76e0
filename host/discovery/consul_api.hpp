#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "discovery/consul.hpp"
#include "discovery/consul_token.hpp"
#include "discovery/loop.hpp"
#include "discovery/pace.hpp"

namespace cm::discovery {

// What came of one request to Consul.
struct ConsulAnswer {
  int status = 0;  // 0: no answer
  std::string body;
  std::uint64_t index = 0;  // X-Consul-Index
  std::string error;        // as a sentence; empty when ok or absent
  bool limited = false;     // Consul refused the connection because there are too many

  [[nodiscard]] bool ok() const { return status == 200 && error.empty(); }
  [[nodiscard]] bool absent() const { return status == 404; }
  // The token is unknown to Consul, or does not allow this.
  [[nodiscard]] bool forbidden() const { return status == 403; }
  // Consul does not know the token.
  [[nodiscard]] bool token_unknown() const { return forbidden() && body.find("ACL not found") != std::string::npos; }
  // Nothing came, or Consul says that it cannot (no leader, too busy): it may be down.
  [[nodiscard]] bool in_doubt() const { return status == 0 || status >= 500 || status == 429; }
};

// One request, and how it is sent.
struct ConsulRequest {
  std::string method = "GET";
  std::string path;  // with its query, escaped: "/v1/kv/a?cas=0"
  std::string body = {};
  bool urgent = false;       // before those that wait
  bool more_follow = false;  // the caller sends another one when this is done
};

// Requests to one Consul agent, judged; the one place that knows its address, token and datacenter. A request that
// Consul refuses because it has too many connections is sent again, a few times; that limit is named in the log once.
// Owned by ConsulDiscovery. [the loop's thread]
class ConsulApi {
 public:
  using Done = std::function<void(ConsulAnswer)>;
  using Id = std::uint64_t;

  // `on_forbidden` is called before `done` with each answer that the token was not enough for.
  ConsulApi(Loop& loop, const ConsulConfig& config, std::function<void(const ConsulAnswer&)> on_forbidden = {});

  ~ConsulApi();
  ConsulApi(const ConsulApi&) = delete;
  ConsulApi& operator=(const ConsulApi&) = delete;

  static HttpClientConfig http_config(const ConsulConfig& config);

  Id call(ConsulRequest request, Done done);
  // A blocking query: answers when the index has passed `index` or `wait` is over. 0 answers at once.
  Id watch(const std::string& path, std::uint64_t index, Done done);
  void cancel(Id id);

  [[nodiscard]] ConsulToken& token() { return token_; }

 private:
  struct Call;

  Id start(HttpRequest request, int tries, Done done);
  void send(Id id);
  void on_answer(Id id, base::Result<HttpAnswer> got);
  void note_limit(const ConsulAnswer& answer);

  Loop& loop_;
  const ConsulConfig& config_;
  const std::function<void(const ConsulAnswer&)> on_forbidden_;
  ConsulToken token_;
  std::map<Id, std::unique_ptr<Call>> calls_;
  Id last_id_ = 0;
  // Refusals for too many connections.
  int refusals_ = 0;
  Loop::Clock::time_point refused_since_{};
  Loop::Clock::time_point complained_at_{};  // last time that the limit held, once it was told
};

}  // namespace cm::discovery
