#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "discovery/consul.hpp"
#include "discovery/loop.hpp"

namespace cm::discovery {

// What came of one request to Consul.
struct ConsulAnswer {
  int status = 0;  // 0: no answer
  std::string body;
  std::uint64_t index = 0;  // X-Consul-Index
  std::string error;        // as a sentence; empty when ok or absent

  [[nodiscard]] bool ok() const { return status == 200 && error.empty(); }
  [[nodiscard]] bool absent() const { return status == 404; }
  // Nothing came, or Consul says that it cannot (no leader, too busy): it may be down.
  [[nodiscard]] bool in_doubt() const { return status == 0 || status >= 500 || status == 429; }
};

// Requests to one Consul agent, judged; the one place that knows its address and token. Owned by ConsulDiscovery.
// [the loop's thread]
class ConsulApi {
 public:
  using Done = std::function<void(ConsulAnswer)>;
  using Id = HttpClient::Id;

  ConsulApi(Loop& loop, const ConsulConfig& config) : loop_(loop), config_(config) {}

  static HttpClientConfig http_config(const ConsulConfig& config);

  // `path` with its query, escaped: "/v1/kv/a?cas=0".
  Id call(const std::string& method, const std::string& path, std::string body, Done done);
  Id call(const std::string& method, const std::string& path, std::string body, std::chrono::milliseconds timeout,
          Done done);
  // A blocking query: answers when the index has passed `index` or `wait` is over. 0 answers at once.
  Id watch(const std::string& path, std::uint64_t index, Done done);
  void cancel(Id id) { loop_.http().cancel(id); }

 private:
  Id send(HttpRequest request, Done done);

  Loop& loop_;
  const ConsulConfig& config_;
};

}  // namespace cm::discovery
