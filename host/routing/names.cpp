#include "routing/names.hpp"

namespace cm::routing {

ServiceRef Names::service(std::string_view id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = by_id_.find(id); it != by_id_.end()) return it->second;
  }
  const auto name = ServiceName::parse(id);
  if (!name) return ServiceRef::none;
  const KindRef kind_ref = kind(name->kind);
  if (kind_ref == KindRef::none) return ServiceRef::none;
  const std::lock_guard lock(mutex_);
  if (const auto it = by_id_.find(id); it != by_id_.end()) return it->second;
  if (services_.size() >= kMaxServices) return ServiceRef::none;
  services_.push_back({std::string(id), kind_ref});
  const auto ref = static_cast<ServiceRef>(services_.size());
  by_id_.emplace(services_.back().id, ref);
  return ref;
}

ServiceRef Names::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? ServiceRef::none : it->second;
}

std::string_view Names::service_id(ServiceRef ref) const {
  const std::lock_guard lock(mutex_);
  const auto i = static_cast<std::size_t>(ref);
  return i == 0 || i > services_.size() ? std::string_view{} : services_[i - 1].id;
}

KindRef Names::kind_of(ServiceRef ref) const {
  const std::lock_guard lock(mutex_);
  const auto i = static_cast<std::size_t>(ref);
  return i == 0 || i > services_.size() ? KindRef::none : services_[i - 1].kind;
}

KindRef Names::kind(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (const auto it = by_kind_.find(name); it != by_kind_.end()) return it->second;
  if (kinds_.size() >= kMaxKinds || name.empty()) return KindRef::none;
  kinds_.emplace_back(name);
  const auto ref = static_cast<KindRef>(kinds_.size());
  by_kind_.emplace(kinds_.back(), ref);
  return ref;
}

std::string_view Names::kind_name(KindRef ref) const {
  const std::lock_guard lock(mutex_);
  const auto i = static_cast<std::size_t>(ref);
  return i == 0 || i > kinds_.size() ? std::string_view{} : kinds_[i - 1];
}

}  // namespace cm::routing
