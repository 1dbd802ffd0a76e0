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

void RemoteService::set_open(Side side, bool open) {
  if (open) {
    closed_.fetch_and(static_cast<std::uint8_t>(~bit(side)), std::memory_order_relaxed);
  } else {
    closed_.fetch_or(bit(side), std::memory_order_relaxed);
  }
}

base::Status RemoteServices::announce(const std::shared_ptr<RemoteHost>& host, routing::ServiceEntry entry,
                                      bool frontend) {
  const routing::ServiceRef ref = entry.ref;
  auto& service = services_[ref];
  if (!service) {
    service = std::make_shared<RemoteService>(host, ref);
    const auto i = static_cast<std::size_t>(ref);
    if (by_ref_.size() <= i) by_ref_.resize(i + 1);
    by_ref_[i] = service.get();
  }
  service->entry = std::move(entry);
  service->entry.host = host_;
  service->frontend = frontend;
  service->lost = false;
  return put(service);
}

base::Status RemoteServices::put(const std::shared_ptr<RemoteService>& service) {
  routing::ServiceEntry entry = service->entry;
  entry.mailbox = service;
  if (service->frontend) entry.clients = service;
  base::Status status = registry_.put(std::move(entry));
  service->shadowed = !status;
  return status;
}

void RemoteServices::retry_shadowed() {
  for (const auto& [ref, service] : services_) {
    if (service->shadowed) (void)put(service);
  }
}

void RemoteServices::withdraw(routing::ServiceRef ref) {
  const auto it = services_.find(ref);
  if (it == services_.end()) return;
  const std::shared_ptr<RemoteService> service = it->second;
  by_ref_[static_cast<std::size_t>(ref)] = nullptr;
  services_.erase(it);
  service->gone_.store(true, std::memory_order_release);
  if (!service->shadowed) registry_.remove(ref);
}

void RemoteServices::withdraw_all() {
  while (!services_.empty()) withdraw(services_.begin()->first);
}

void RemoteServices::lose_all() {
  for (const auto& [ref, service] : services_) {
    service->lost = true;
    if (service->closed_.exchange(0, std::memory_order_relaxed) != 0) registry_.notify_room(ref);
  }
}

void RemoteServices::withdraw_lost() {
  std::vector<routing::ServiceRef> lost;
  for (const auto& [ref, service] : services_) {
    if (service->lost) lost.push_back(ref);
  }
  for (const auto ref : lost) withdraw(ref);
}

void RemoteServices::set_reachable(bool reachable) {
  for (const auto& [ref, service] : services_) {
    if (service->lost) continue;
    service->entry.reachable = reachable;
    if (!service->shadowed) {
      registry_.update(ref, [&](routing::ServiceEntry& entry) { entry.reachable = reachable; });
    }
  }
}

void RemoteServices::for_each(const std::function<void(RemoteService&)>& fn) const {
  for (const auto& [ref, service] : services_) fn(*service);
}

bool RemoteServices::any_lost() const {
  return std::any_of(services_.begin(), services_.end(), [](const auto& s) { return s.second->lost; });
}

}  // namespace cm::mesh
