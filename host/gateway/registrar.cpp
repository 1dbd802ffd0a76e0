#include "gateway/registrar.hpp"

#include <utility>

namespace cm::gateway {

Registrar::Registrar(routing::Registry& registry, discovery::Discovery& discovery)
    : registry_(registry), discovery_(discovery) {}

void Registrar::start(HostRecord host) {
  {
    const std::lock_guard lock(mutex_);
    host_ = std::move(host);
    active_ = true;
  }
  refresh_loads();
}

void Registrar::on_event(routing::Registry::Event event, routing::ServiceRef ref) {
  if (event != routing::Registry::Event::room) bring_up_to_date(ref);
}

void Registrar::refresh_loads() {
  const auto services = registry_.snapshot();
  for (const auto& entry : services->entries) bring_up_to_date(entry.ref);
}

void Registrar::bring_up_to_date(routing::ServiceRef ref) {
  const std::lock_guard lock(mutex_);
  if (!active_) return;
  const auto entry = registry_.find(ref);
  const auto it = registered_.find(ref);
  if (!entry || !entry->host.empty()) {
    if (it == registered_.end()) return;
    discovery_.deregister_service(it->second.id);
    registered_.erase(it);
    return;
  }
  const auto name = routing::ServiceName::parse(registry_.names().service_id(ref));
  if (!name) return;
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
                                  .draining = entry->draining};
  if (it != registered_.end() && it->second == record) return;
  discovery_.register_service(record);
  registered_[ref] = std::move(record);
}

void Registrar::withdraw() {
  const std::lock_guard lock(mutex_);
  active_ = false;
  for (const auto& [ref, record] : registered_) discovery_.deregister_service(record.id);
  registered_.clear();
}

}  // namespace cm::gateway
