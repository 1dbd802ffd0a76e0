#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "mesh/envelope_store.hpp"
#include "mesh/wire.hpp"
#include "routing/registry.hpp"

namespace cm::mesh {

class RemoteService;

// What carries envelopes to the services of another host: a link.
class RemoteHost {
 public:
  // As Destination::deliver(). [any thread]
  virtual routing::Delivery take(RemoteService& service, const routing::Envelope& envelope) = 0;

 protected:
  ~RemoteHost() = default;
};

// A service of another host, and its clients: the destination that the Registry has for both. Shared by the Registry's
// snapshots and the link.
class RemoteService final : public routing::Destination {
 public:
  RemoteService(std::shared_ptr<RemoteHost> host, routing::ServiceRef ref) : ref_(ref), host_(std::move(host)) {}

  [[nodiscard]] routing::ServiceRef ref() const { return ref_; }

  routing::Delivery deliver(const routing::Envelope& envelope) override;

  // The peer takes no more for this side, or again. [io worker]
  void set_open(Side side, bool open);
  // [io worker]
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_relaxed) != 0; }

  // Io worker only.
  bool lost = false;      // its host restarted and has not announced it yet
  bool shadowed = false;  // another host has it up: it is not in the Registry
  bool frontend = false;
  routing::ServiceEntry entry;  // without its destinations
  EnvelopeStore held;           // waits until it is announced again; while lost

 private:
  friend class RemoteServices;
  const routing::ServiceRef ref_;
  const std::shared_ptr<RemoteHost> host_;
  std::atomic<std::uint8_t> closed_{0};  // a bit a Side
  std::atomic<bool> gone_{false};
};

// The services of a peer, as it announced them, in the Registry. Owned by a link, on its io worker.
class RemoteServices {
 public:
  RemoteServices(routing::Registry& registry, std::string host) : registry_(registry), host_(std::move(host)) {}

  // Adds or changes a service, in the Registry as well unless another host has it up (then it is `shadowed`, and the
  // status says who). One that was lost is so no more.
  // `entry` without its destinations.
  base::Status announce(const std::shared_ptr<RemoteHost>& host, routing::ServiceEntry entry, bool frontend);
  // Puts what was shadowed into the Registry where that is free now.
  void retry_shadowed();
  void withdraw(routing::ServiceRef ref);
  void withdraw_all();
  // The peer restarted: none is announced yet.
  void lose_all();
  void withdraw_lost();
  // The connection to the host broke, or is back: those that are announced are picked last, or as others.
  void set_reachable(bool reachable);

  [[nodiscard]] RemoteService* find(routing::ServiceRef ref) const {
    const auto i = static_cast<std::size_t>(ref);
    return i < by_ref_.size() ? by_ref_[i] : nullptr;
  }
  void for_each(const std::function<void(RemoteService&)>& fn) const;
  [[nodiscard]] bool empty() const { return services_.empty(); }
  [[nodiscard]] bool any_lost() const;

 private:
  base::Status put(const std::shared_ptr<RemoteService>& service);

  routing::Registry& registry_;
  const std::string host_;
  std::unordered_map<routing::ServiceRef, std::shared_ptr<RemoteService>> services_;
  std::vector<RemoteService*> by_ref_;
};

}  // namespace cm::mesh
