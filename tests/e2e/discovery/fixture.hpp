#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "discovery/consul.hpp"
#include "support/seen.hpp"
#include "support/wait.hpp"

namespace cm::discovery {

using test::Seen;
using KvMap = Discovery::KvMap;

// The defaults, with a patience that a busy machine does not exhaust.
inline ConsulConfig patient(const std::string& url) {
  ConsulConfig config;
  config.url = url;
  config.request_timeout = std::chrono::seconds(20);
  return config;
}

// For tests of what lapses or is given up.
inline ConsulConfig quick(const std::string& url) {
  ConsulConfig config;
  config.url = url;
  config.ttl = std::chrono::seconds(2);
  config.request_timeout = std::chrono::seconds(2);
  return config;
}

inline bool eventually(const std::function<bool()>& done) { return test::wait_until(done, std::chrono::seconds(120)); }

inline ServiceRecord service(const std::string& kind, std::uint32_t index, const std::string& mesh = "cellmesh") {
  ServiceRecord r;
  r.kind = kind;
  r.index = index;
  r.group = "dev";
  r.id = kind + "#" + std::to_string(index) + "@dev";
  r.mesh = mesh;
  r.host = std::to_string(index) + "@dev";
  r.boot = "boot" + std::to_string(index);
  r.link_address = "127.0.0.1:" + std::to_string(4000 + index);
  return r;
}

// One host's view of Consul, with all that it was told.
class Node {
 public:
  struct Kv {
    KvMap map;
    bool lost = false;
  };

  explicit Node(ConsulConfig config, const std::optional<AccessRole>& role = std::nullopt)
      : discovery(ConsulDiscovery::make(std::move(config)).value()) {
    discovery->watch_access([this](const std::string& problem) { problems.push(problem); });
    if (role) discovery->set_role(*role);
    discovery->start([this] { ready.push(true); });
  }
  ~Node() { discovery->stop(); }

  void watch(const std::vector<std::string>& kinds) {
    discovery->watch_services(kinds, [this](const std::vector<ServiceRecord>& all) { services.push(all); });
  }
  void watch_kv(const std::string& prefix) {
    discovery->watch_kv(prefix, [this](const KvMap& map, bool lost) { kv.push({map, lost}); });
  }
  bool sees(const std::vector<ServiceRecord>& wanted, std::size_t from = 0) {
    return services.wait_for([&](const auto& all) { return all == wanted; }, from).has_value();
  }
  bool sees_value(const std::string& key, const std::string& value, std::size_t from = 0) {
    return kv.wait_for([&](const Kv& k) { return k.map.contains(key) && k.map.at(key).value == value; }, from)
        .has_value();
  }

  base::Status put(const std::string& key, const std::string& value) {
    return outcome([&](auto done) { discovery->put(key, value, done); });
  }
  base::Status put_if(const std::string& key, const std::string& value, std::uint64_t version) {
    return outcome([&](auto done) { discovery->put_if(key, value, version, done); });
  }
  base::Status remove(const std::string& key) {
    return outcome([&](auto done) { discovery->remove(key, done); });
  }
  base::Result<std::optional<Discovery::KvEntry>> get(const std::string& key) {
    std::promise<base::Result<std::optional<Discovery::KvEntry>>> got;
    discovery->get(key, [&](auto result) { got.set_value(std::move(result)); });
    return got.get_future().get();
  }

  // Of its access to Consul.
  bool says(const std::string& text) {
    return problems.wait_for([&](const std::string& p) { return p.find(text) != std::string::npos; }).has_value();
  }
  bool is_well(std::size_t from) {
    return problems.wait_for([](const std::string& p) { return p.empty(); }, from).has_value();
  }

  Seen<std::string> problems;
  Seen<bool> ready;
  Seen<std::vector<ServiceRecord>> services;
  Seen<Kv> kv;
  std::unique_ptr<ConsulDiscovery> discovery;

 private:
  template <class Call>
  static base::Status outcome(Call call) {
    std::promise<base::Status> result;
    call([&](base::Status status) { result.set_value(std::move(status)); });
    return result.get_future().get();
  }
};

}  // namespace cm::discovery
