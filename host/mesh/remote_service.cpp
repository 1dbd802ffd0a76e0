#include "mesh/remote_service.hpp"

#include <algorithm>
#include <utility>

namespace cm::mesh {

using routing::Delivery;

namespace {

constexpr std::uint8_t bit(Side side) { return side == Side::mailbox ? 1 : 2; }

}  // namespace

Delivery RemoteService::deliver(const routing::Envelope& envelope) {
  if (envelope.body.size() > max_body(envelope.kind)) return Delivery::too_large;
  if (gone_.load(std::memory_order_acquire)) return Delivery::gone;
  if ((closed_.load(std::memory_order_relaxed) & bit(side_of(envelope.kind))) != 0 && !must_arrive(envelope.kind)) {
    return Delivery::full;
  }
  return host_->take(*this, envelope);
}

bool RemoteService::set_open(Side side, bool open) {
  const std::uint8_t before = open ? closed_.fetch_and(static_cast<std::uint8_t>(~bit(side)), std::memory_order_relaxed)
                                   : closed_.fetch_or(bit(side), std::memory_order_relaxed);
  return open == ((before & bit(side)) != 0);
}

std::vector<std::pair<routing::ServiceRef, base::Error>> RemoteServices::announce(
    const std::shared_ptr<RemoteHost>& host, std::vector<Announced> services) {
  std::vector<std::pair<routing::ServiceRef, base::Error>> refused;
  ++version_;
  registry_.change([&](routing::Registry::Change& change) {
    for (auto& [entry, frontend] : services) {
      const routing::ServiceRef ref = entry.ref;
      auto& service = services_[ref];
      if (!service) {
        service = std::make_shared<RemoteService>(host, registry_.names(), ref);
        const auto i = static_cast<std::size_t>(ref);
        if (by_ref_.size() <= i) by_ref_.resize(i + 1);
        by_ref_[i] = service.get();
      }
      service->entry = std::move(entry);
      service->entry.host = host_;
      service->frontend = frontend;
      set_lost(*service, false);
      if (base::Status status = put(change, service); !status) refused.emplace_back(ref, status.error());
    }
  });
  return refused;
}

base::Status RemoteServices::put(routing::Registry::Change& change, const std::shared_ptr<RemoteService>& service) {
  routing::ServiceEntry entry = service->entry;
  entry.mailbox = service;
  if (service->frontend) entry.clients = service;
  base::Status status = change.put(std::move(entry));
  set_shadowed(*service, !status);
  return status;
}

void RemoteServices::set_shadowed(RemoteService& service, bool shadowed) {
  if (std::exchange(service.shadowed, shadowed) == shadowed) return;
  shadowed ? ++shadowed_ : --shadowed_;
}

void RemoteServices::set_lost(RemoteService& service, bool lost) {
  if (std::exchange(service.lost, lost) == lost) return;
  lost ? ++lost_ : --lost_;
}

void RemoteServices::retry_shadowed() {
  if (shadowed_ == 0) return;
  registry_.change([&](routing::Registry::Change& change) {
    for (const auto& [ref, service] : services_) {
      if (service->shadowed) (void)put(change, service);
    }
  });
}

void RemoteServices::withdraw(std::span<const routing::ServiceRef> refs) {
  std::vector<std::shared_ptr<RemoteService>> gone;  // die after the change: they may be the last to hold their link
  ++version_;
  registry_.change([&](routing::Registry::Change& change) {
    for (const auto ref : refs) {
      const auto it = services_.find(ref);
      if (it == services_.end()) continue;
      gone.push_back(std::move(it->second));
      services_.erase(it);
      by_ref_[static_cast<std::size_t>(ref)] = nullptr;
      RemoteService& service = *gone.back();
      service.gone_.store(true, std::memory_order_release);
      if (!service.shadowed) change.remove(ref);
      set_lost(service, false);
      set_shadowed(service, false);
    }
  });
}

void RemoteServices::withdraw_all() {
  std::vector<routing::ServiceRef> all;
  for (const auto& [ref, service] : services_) all.push_back(ref);
  withdraw(all);
}

void RemoteServices::lose_all() {
  bool room = false;
  for (const auto& [ref, service] : services_) {
    set_lost(*service, true);
    room = service->closed_.exchange(0, std::memory_order_relaxed) != 0 || room;
  }
  if (room) registry_.notify_room(routing::ServiceRef::none);
}

void RemoteServices::withdraw_lost() {
  std::vector<routing::ServiceRef> lost;
  for (const auto& [ref, service] : services_) {
    if (service->lost) lost.push_back(ref);
  }
  withdraw(lost);
}

void RemoteServices::set_reachable(bool reachable) {
  registry_.change([&](routing::Registry::Change& change) {
    for (const auto& [ref, service] : services_) {
      if (service->lost || service->entry.reachable == reachable) continue;
      service->entry.reachable = reachable;
      if (!service->shadowed) {
        change.update(ref, [&](routing::ServiceEntry& entry) { entry.reachable = reachable; });
      }
    }
  });
}

void RemoteServices::for_each(const std::function<void(RemoteService&)>& fn) const {
  for (const auto& [ref, service] : services_) fn(*service);
}

}  // namespace cm::mesh
