#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "discovery/blocking_query.hpp"

namespace cm::discovery {

// Keeps this host's services registered: registers, refreshes the health check, changes, does it again when Consul
// forgot, deregisters. One request a service at a time. [the loop's thread]
class ConsulRegistrar {
 public:
  explicit ConsulRegistrar(ConsulContext& context) : context_(context) {}

  void want(const ServiceRecord& record);
  void drop(const std::string& id);
  // What Consul lost is registered again. What it may have, is refreshed, which tells.
  void on_contact(ConsulContact::Verdict verdict);
  // Deregisters all, each tried once; `done` when that is over. Nothing is registered after it.
  void shut_down(std::function<void()> done);

  [[nodiscard]] std::size_t registered() const;

 private:
  struct Entry {
    explicit Entry(Loop& loop);
    ServiceRecord wanted;
    bool dropped = false;
    ServiceRecord sending;               // while its registration is under way
    std::optional<ServiceRecord> there;  // as Consul was told last; none: to be registered
    bool sent = false;                   // ever: there may be something to deregister
    bool busy = false;
    Loop::Clock::time_point registered_at{};
    Loop::Clock::time_point refresh_at{};
    std::string refused;  // the last error, so that it is told once
    Backoff backoff;
    Timer next;
  };

  void step_all();
  void step(const std::string& id);
  using Then = void (ConsulRegistrar::*)(Entry&, const ConsulAnswer&);
  void call(const std::string& id, const std::string& path, std::string body, Then then);
  void on_registered(Entry& entry, const ConsulAnswer& answer);
  void on_refreshed(Entry& entry, const ConsulAnswer& answer);
  void on_deregistered(Entry& entry, const ConsulAnswer& answer);
  void failed(Entry& entry, const ConsulAnswer& answer);
  void erase(const std::string& id);

  ConsulContext& context_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  std::function<void()> on_empty_;  // set when shutting down
};

}  // namespace cm::discovery
