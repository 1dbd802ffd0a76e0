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
  struct Handlers {
    // The agent took it. `again`: as it was before, but for its load.
    std::function<void(const ServiceRecord&, bool again)> on_registered;
    std::function<void(const ServiceRecord&)> on_deregistered;
    // Why Consul does not register it; empty: it does, or it is dropped.
    std::function<void(const std::string& id, const std::string& error)> on_refused;
  };
  ConsulRegistrar(ConsulContext& context, Handlers handlers) : context_(context), handlers_(std::move(handlers)) {}

  void want(const ServiceRecord& record);
  void drop(const std::string& id);
  // What Consul lost is registered again. What it may have, is refreshed, which tells.
  void on_contact(ConsulContact::Verdict verdict);
  // The agent registers in the catalog by the token that it was given: by another one, again.
  void register_again();
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
    bool by_other_token = false;         // it was told so
    bool sent = false;                   // ever: there may be something to deregister
    bool busy = false;
    Loop::Clock::time_point registered_at{};
    Loop::Clock::time_point refresh_at{};
    Loop::Clock::time_point not_before{};  // after a failure
    std::string refused;                   // the last error, so that it is told once
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
  const Handlers handlers_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  std::function<void()> on_empty_;  // set when shutting down
};

}  // namespace cm::discovery
