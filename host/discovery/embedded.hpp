#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "discovery/callback.hpp"
#include "discovery/discovery.hpp"

namespace cm::discovery {

// The catalog and KV of one host on its own (--dev), gone with the process. Behaves as Consul does, changes coalesced,
// minus Consul's bad days. All work and all callbacks are done on one thread of its own.
class EmbeddedDiscovery final : public Discovery {
 public:
  EmbeddedDiscovery() = default;
  ~EmbeddedDiscovery() override;

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
  [[nodiscard]] State state() const override;

 private:
  using ServicesCallback = Callback<const std::vector<ServiceRecord>&>;
  using KvCallback = Callback<const KvMap&, bool>;
  struct KvWatch {
    std::shared_ptr<KvCallback> on_change;
    bool due = true;
  };

  void run();
  void tell_services();
  void tell_kv();
  // Queues a request to the KV; false, with nothing done, when too many are under way.
  bool request(std::function<void()> work);
  // Queues a write: `version` is what the key's must be, none for any; `value` none to remove.
  void write(const std::string& key, std::optional<std::string> value, std::optional<std::uint64_t> version,
             base::Status allowed, Done done);
  base::Status apply(const std::string& key, std::optional<std::string> value, std::optional<std::uint64_t> version);

  // Own thread only.
  KvMap kv_;
  std::uint64_t last_version_ = 0;
  std::map<std::string, KvWatch> kv_watches_;
  std::vector<std::string> kinds_;
  std::shared_ptr<ServicesCallback> on_services_;
  std::optional<std::vector<ServiceRecord>> told_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;
  std::size_t under_way_ = 0;  // requests to the KV
  std::map<std::string, ServiceRecord> services_;
  bool services_changed_ = false;
  std::shared_ptr<ServicesCallback> services_callback_;
  std::map<std::string, std::shared_ptr<KvCallback>> kv_callbacks_;
  bool started_ = false;
  bool stopped_ = false;

  std::thread thread_;
};

}  // namespace cm::discovery
