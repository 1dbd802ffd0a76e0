#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "discovery/discovery.hpp"

namespace cm::discovery {

struct ConsulConfig {
  std::string url = "http://127.0.0.1:8500";
  std::string token;                       // empty: none, or that of token_file
  std::string token_file;                  // read again when it changes; empty: none
  std::string ca_file;                     // PEM; for https with a CA of one's own
  std::string cert_file;                   // PEM, of this client; empty: none
  std::string key_file;                    // PEM, of cert_file
  std::string datacenter;                  // whose catalog and KV; empty: the agent's own
  std::string mesh = "cellmesh";           // services of other meshes are not seen
  std::chrono::milliseconds ttl{10'000};   // of the health checks; refreshed three times in it
  std::chrono::milliseconds wait{55'000};  // the longest that a blocking query waits
  std::chrono::milliseconds request_timeout{5'000};
  std::size_t max_answer = 32U << 20U;  // bytes; a longer one is not read
};

// Brings the URL into its plain form, and says what of the config cannot be used.
base::Status check_config(ConsulConfig& config);

// The catalog and KV of a Consul agent. One thread of its own does all requests, long polls and callbacks.
//
// Consul may be absent, stall, restart with its data or without: nothing that was known is taken back for that. Contact
// is judged in one place (ConsulContact): a request that gets no answer raises doubt, one small read settles it.
class ConsulDiscovery final : public Discovery {
 public:
  // An error when the URL or the CA file cannot be used; Consul itself need not be there.
  static base::Result<std::unique_ptr<ConsulDiscovery>> make(ConsulConfig config);
  ~ConsulDiscovery() override;

  void start(std::function<void()> on_ready) override;
  void stop() override;
  void post(std::function<void()> work) override;
  void register_service(const ServiceRecord& record) override;
  void deregister_service(const std::string& id) override;
  void watch_services(std::vector<std::string> kinds,
                      std::function<void(const std::vector<ServiceRecord>&)> on_change) override;
  void watch_kv(const std::string& prefix, std::function<void(const KvMap&, bool lost)> on_change) override;
  void unwatch_kv(const std::string& prefix) override;
  void get(const std::string& key, Got done) override;
  void put(const std::string& key, const std::string& value, Done done) override;
  void put_if(const std::string& key, const std::string& value, std::uint64_t version, Done done) override;
  void remove(const std::string& key, Done done) override;
  void set_role(AccessRole role) override;
  void watch_access(std::function<void(const std::string& problem)> on_change) override;
  [[nodiscard]] State state() const override;

 private:
  struct Impl;
  explicit ConsulDiscovery(ConsulConfig config);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cm::discovery
