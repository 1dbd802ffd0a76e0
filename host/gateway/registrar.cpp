#include "gateway/registrar.hpp"

#include <utility>

namespace cm::gateway {

Registrar::Registrar(routing::Registry& registry, discovery::Discovery& discovery, std::function<void()> changed)
    : registry_(registry), discovery_(discovery), changed_(std::move(changed)) {}

void Registrar::start(HostRecord host) {
  {
    const std::lock_guard lock(mutex_);
    host_ = std::move(host);
    active_ = true;
  }
  refresh_loads();
}

void Registrar::on_event(routing::Registry::Event event, std::span<const routing::ServiceRef> refs) {
  if (event == routing::Registry::Event::room) return;
  for (const auto ref : refs) bring_up_to_date(ref);
}

void Registrar::refresh_loads() {
  const auto services = registry_.snapshot();
  for (const auto& entry : services->entries) bring_up_to_date(entry.ref);
}

void Registrar::bring_up_to_date(routing::ServiceRef ref) {
  if (update(ref) && changed_) changed_();
}

bool Registrar::update(routing::ServiceRef ref) {
  const std::lock_guard lock(mutex_);
  if (!active_) return false;
  const auto entry = registry_.find(ref);
  const auto it = registered_.find(ref);
  if (!entry || !entry->host.empty()) {
    if (it == registered_.end()) return false;
    discovery_.deregister_service(it->second.id);
    registered_.erase(it);
    return true;
  }
  const auto name = routing::ServiceName::parse(registry_.names().service_id(ref));
  if (!name) return false;
  discovery::ServiceRecord record{.id = name->id(),
                                  .kind = name->kind,
                                  .group = name->group,
                                  .index = name->index,
                                  .mesh = host_.mesh,
                                  .host = host_.name,
                                  .boot = host_.boot,
                                  .link_address = host_.link_address,
                                  .public_address = entry->public_address,
                                  .load = entry->load->users.load(std::memory_order_relaxed),
                                  .draining = entry->draining,
                                  .unhealthy = entry->unhealthy};
  if (it != registered_.end() && it->second == record) return false;
  discovery_.register_service(record);
  const bool changed = it == registered_.end() || it->second.unhealthy != record.unhealthy;
  registered_[ref] = std::move(record);
  return changed;
}

std::map<std::string, std::string> Registrar::services() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> all;
  for (const auto& [ref, record] : registered_) all.emplace(record.id, record.unhealthy);
  return all;
}

void Registrar::withdraw() {
  const std::lock_guard lock(mutex_);
  active_ = false;
  for (const auto& [ref, record] : registered_) discovery_.deregister_service(record.id);
  registered_.clear();
}

}  // namespace cm::gateway
