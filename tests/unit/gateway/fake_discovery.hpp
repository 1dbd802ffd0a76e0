#pragma once

#include <deque>

#include "discovery/discovery.hpp"

namespace cm::gateway {

// A catalog and KV in this thread: every callback waits in a queue until run().
class FakeDiscovery : public discovery::Discovery {
 public:
  void start(std::function<void()> on_ready) override { post(std::move(on_ready)); }
  void stop() override {}
  void post(std::function<void()> work) override { queue_.push_back(std::move(work)); }
  void run() {
    while (!queue_.empty()) {
      auto work = std::move(queue_.front());
      queue_.pop_front();
      work();
    }
  }

  void register_service(const discovery::ServiceRecord& record) override {
    registered[record.id] = record;
    ++registrations;
  }
  void deregister_service(const std::string& id) override { registered.erase(id); }
  void watch_services(std::vector<std::string> kinds,
                      std::function<void(const std::vector<discovery::ServiceRecord>&)> on_change) override {
    watched = std::move(kinds);
    on_services = std::move(on_change);
  }
  void watch_kv(const std::string& prefix, std::function<void(const KvMap&, bool)> on_change) override {
    prefix_ = prefix;
    on_kv_ = std::move(on_change);
    changed(false);
  }
  void unwatch_kv(const std::string&) override { on_kv_ = nullptr; }
  void get(const std::string& key, Got done) override {
    post([this, key, done = std::move(done)] {
      if (!reachable) return done(base::error("the KV cannot be reached"));
      const auto it = kv.find(key);
      done(it == kv.end() ? std::optional<KvEntry>() : it->second);
    });
  }
  void put(const std::string& key, const std::string& value, Done done) override {
    write(key, value, std::nullopt, std::move(done));
  }
  void put_if(const std::string& key, const std::string& value, std::uint64_t version, Done done) override {
    write(key, value, version, std::move(done));
  }
  void remove(const std::string& key, Done done) override {
    kv.erase(key);
    post([done = std::move(done)] { done({}); });
    changed(false);
  }
  [[nodiscard]] State state() const override { return {}; }

  // Tells the watcher what stands in the KV.
  void changed(bool lost) {
    post([this, lost] {
      KvMap under;
      for (const auto& [key, entry] : kv) {
        if (key.starts_with(prefix_)) under[key] = entry;
      }
      if (on_kv_ && reachable) on_kv_(under, lost);
    });
  }

  std::map<std::string, discovery::ServiceRecord> registered;
  int registrations = 0;
  std::vector<std::string> watched;
  std::function<void(const std::vector<discovery::ServiceRecord>&)> on_services;
  KvMap kv;
  bool reachable = true;
  bool writable = true;

 private:
  void write(const std::string& key, const std::string& value, std::optional<std::uint64_t> version, Done done) {
    post([this, key, value, version, done = std::move(done)] {
      if (!reachable || !writable) return done(base::error("the KV cannot be reached"));
      if (version && kv[key].version != *version) return done(base::error("changed meanwhile"));
      kv[key] = {value, ++version_};
      done({});
      changed(false);
    });
  }

  std::deque<std::function<void()>> queue_;
  std::string prefix_;
  std::function<void(const KvMap&, bool)> on_kv_;
  std::uint64_t version_ = 0;
};

}  // namespace cm::gateway
