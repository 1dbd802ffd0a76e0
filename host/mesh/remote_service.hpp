#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
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
  // Holds `ref` in Names for as long as it lives.
  RemoteService(std::shared_ptr<RemoteHost> host, routing::Names& names, routing::ServiceRef ref)
      : ref_(ref), names_(names), host_(std::move(host)) {
    names_.hold(ref_);
  }
  ~RemoteService() override { names_.release(ref_); }

  [[nodiscard]] routing::ServiceRef ref() const { return ref_; }

  routing::Delivery deliver(const routing::Envelope& envelope) override;

  // The peer takes no more for this side, or again. Returns false if that was known. [io worker]
  bool set_open(Side side, bool open);
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
  routing::Names& names_;
  const std::shared_ptr<RemoteHost> host_;
  std::atomic<std::uint8_t> closed_{0};  // a bit a Side
  std::atomic<bool> gone_{false};
};

// The services of a peer, as it announced them, in the Registry. Owned by a link, on its io worker.
class RemoteServices {
 public:
  RemoteServices(routing::Registry& registry, std::string host) : registry_(registry), host_(std::move(host)) {}

  struct Announced {
    routing::ServiceEntry entry;  // without its destinations
    bool frontend = false;
  };
  // Adds or changes services, in the Registry as well unless another host has one up: then it is `shadowed`. What was
  // lost is so no more. Returns why those that are shadowed now are.
  std::vector<std::pair<routing::ServiceRef, base::Error>> announce(const std::shared_ptr<RemoteHost>& host,
                                                                    std::vector<Announced> services);
  // Puts what was shadowed into the Registry where that is free now.
  void retry_shadowed();
  void withdraw(std::span<const routing::ServiceRef> refs);
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
  [[nodiscard]] std::size_t size() const { return services_.size(); }
  [[nodiscard]] bool any_lost() const { return lost_ != 0; }
  // Grows whenever a service comes or goes.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  base::Status put(routing::Registry::Change& change, const std::shared_ptr<RemoteService>& service);
  void set_shadowed(RemoteService& service, bool shadowed);
  void set_lost(RemoteService& service, bool lost);

  routing::Registry& registry_;
  const std::string host_;
  std::unordered_map<routing::ServiceRef, std::shared_ptr<RemoteService>> services_;
  std::vector<RemoteService*> by_ref_;
  std::size_t lost_ = 0;      // of them
  std::size_t shadowed_ = 0;  // of them
  std::uint64_t version_ = 0;
};

}  // namespace cm::mesh
