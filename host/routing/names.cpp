#include "routing/names.hpp"

namespace cm::routing {

Names::Service* Names::at(ServiceRef ref) {
  const auto i = static_cast<std::size_t>(ref);
  return i == 0 || i > services_.size() || services_[i - 1].id.empty() ? nullptr : &services_[i - 1];
}
const Names::Service* Names::at(ServiceRef ref) const { return const_cast<Names*>(this)->at(ref); }

ServiceRef Names::service(std::string_view id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = by_id_.find(id); it != by_id_.end()) {
      Service& known = *at(it->second);
      if (!known.permanent) {
        wake(known);
        known.permanent = true;
        ++permanent_;
      }
      return it->second;
    }
  }
  const auto name = ServiceName::parse(id);
  if (!name) return ServiceRef::none;
  const KindRef kind_ref = kind(name->kind);
  if (kind_ref == KindRef::none) return ServiceRef::none;
  const std::lock_guard lock(mutex_);
  const auto it = by_id_.find(id);
  const ServiceRef ref = it != by_id_.end() ? it->second : add_service(id, kind_ref);
  if (ref == ServiceRef::none) return ref;
  Service& known = *at(ref);
  if (it != by_id_.end()) wake(known);
  if (!known.permanent) ++permanent_;
  known.permanent = true;
  return ref;
}

base::Result<ServiceRef> Names::hold(std::string_view id) {
  const std::lock_guard lock(mutex_);
  forget_some(Clock::now());
  if (const auto it = by_id_.find(id); it != by_id_.end()) {
    Service& known = *at(it->second);
    wake(known);
    ++known.holders;
    return it->second;
  }
  const auto name = ServiceName::parse(id);
  if (!name) return name.error();
  if (peer_services() >= limits_.max_peer_services) {
    return base::error("this host knows " + std::to_string(peer_services()) +
                       " services of other hosts (max_peer_services)");
  }
  auto kind_ref = KindRef::none;
  if (const auto it = by_kind_.find(name->kind); it != by_kind_.end()) {
    kind_ref = it->second;
  } else {
    const std::size_t of_peers = by_kind_.size() - permanent_kinds_;
    if (of_peers < limits_.max_peer_kinds) kind_ref = add_kind(name->kind);
    if (kind_ref == KindRef::none) {
      return base::error("this host knows " + std::to_string(of_peers) +
                         " kinds of service of other hosts (max_peer_kinds)");
    }
  }
  const ServiceRef ref = add_service(id, kind_ref);
  if (ref == ServiceRef::none) return base::error("this host knows too many services (max_services)");
  ++at(ref)->holders;
  return ref;
}

void Names::hold(ServiceRef ref) {
  const std::lock_guard lock(mutex_);
  Service* const known = at(ref);
  if (known == nullptr) return;
  wake(*known);
  ++known->holders;
}

void Names::release(ServiceRef ref) {
  const std::lock_guard lock(mutex_);
  let_go(ref);
}

void Names::release(std::span<const ServiceRef> refs) {
  const std::lock_guard lock(mutex_);
  for (const ServiceRef ref : refs) let_go(ref);
}

ServiceRef Names::mention(std::string_view id) {
  const auto held = hold(id);
  if (!held) return ServiceRef::none;
  release(*held);
  return *held;
}

ServiceRef Names::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? ServiceRef::none : it->second;
}

std::string_view Names::service_id(ServiceRef ref) const {
  const std::lock_guard lock(mutex_);
  const Service* const known = at(ref);
  return known == nullptr ? std::string_view{} : known->id;
}

KindRef Names::kind_of(ServiceRef ref) const {
  const std::lock_guard lock(mutex_);
  const Service* const known = at(ref);
  return known == nullptr ? KindRef::none : known->kind;
}

KindRef Names::kind(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto it = by_kind_.find(name);
  const KindRef ref = it != by_kind_.end() ? it->second : add_kind(name);
  if (ref == KindRef::none) return ref;
  Kind& known = kinds_[static_cast<std::size_t>(ref) - 1];
  if (!known.permanent) ++permanent_kinds_;
  known.permanent = true;
  return ref;
}

std::string_view Names::kind_name(KindRef ref) const {
  const std::lock_guard lock(mutex_);
  const auto i = static_cast<std::size_t>(ref);
  return i == 0 || i > kinds_.size() ? std::string_view{} : kinds_[i - 1].name;
}

Names::Counts Names::counts() const {
  const std::lock_guard lock(mutex_);
  return {by_id_.size(), peer_services() - idle_.size(), idle_.size(), by_kind_.size()};
}

ServiceRef Names::add_service(std::string_view id, KindRef kind) {
  auto ref = ServiceRef::none;
  if (!free_services_.empty()) {
    ref = free_services_.back();
    free_services_.pop_back();
  } else {
    if (services_.size() >= limits_.max_services) return ref;
    services_.emplace_back();
    ref = static_cast<ServiceRef>(services_.size());
  }
  Service& added = services_[static_cast<std::size_t>(ref) - 1];
  added.id = id;
  added.kind = kind;
  by_id_.emplace(added.id, ref);
  ++kinds_[static_cast<std::size_t>(kind) - 1].services;
  return ref;
}

KindRef Names::add_kind(std::string_view name) {
  if (name.empty()) return KindRef::none;
  auto ref = KindRef::none;
  if (!free_kinds_.empty()) {
    ref = free_kinds_.back();
    free_kinds_.pop_back();
  } else {
    if (kinds_.size() >= limits_.max_kinds) return ref;
    kinds_.emplace_back();
    ref = static_cast<KindRef>(kinds_.size());
  }
  Kind& added = kinds_[static_cast<std::size_t>(ref) - 1];
  added.name = name;
  by_kind_.emplace(added.name, ref);
  return ref;
}

void Names::wake(Service& service) {
  if (is_idle(service)) idle_.erase(service.idle_at);
}

void Names::let_go(ServiceRef ref) {
  Service* const known = at(ref);
  if (known == nullptr || known->holders == 0) return;
  --known->holders;
  if (!is_idle(*known)) return;
  known->idle_since = Clock::now();
  known->idle_at = idle_.insert(idle_.end(), ref);
}

void Names::forget_some(Clock::time_point now) {
  constexpr int kAtOnce = 2;  // so that what is idle shrinks while new names come
  for (int i = 0; i < kAtOnce && !idle_.empty(); ++i) {
    const bool full = peer_services() >= limits_.max_peer_services;
    if (!full && idle_.size() <= limits_.max_idle) return;
    if (now - at(idle_.front())->idle_since < limits_.idle_time) return;
    forget(idle_.front());
  }
}

void Names::forget(ServiceRef ref) {
  Service& service = *at(ref);
  idle_.erase(service.idle_at);
  by_id_.erase(service.id);
  Kind& its_kind = kinds_[static_cast<std::size_t>(service.kind) - 1];
  if (--its_kind.services == 0 && !its_kind.permanent) {
    by_kind_.erase(its_kind.name);
    its_kind = {};
    free_kinds_.push_back(service.kind);
  }
  service = {};
  free_services_.push_back(ref);
}

}  // namespace cm::routing
