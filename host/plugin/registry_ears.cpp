#include "plugin/registry_ears.hpp"

#include <utility>

#include "plugin/service.hpp"

namespace cm::plugin {

std::shared_ptr<RegistryEars> RegistryEars::listen(routing::Registry& registry) {
  auto ears = std::make_shared<RegistryEars>();
  auto& names = registry.names();
  const auto hub = names.kind(HubClient::kHubKind);
  registry.listen([ears, hub, &names](auto event, auto ref) { ears->on_event(event, ref, names.kind_of(ref) == hub); });
  return ears;
}

void RegistryEars::add(std::shared_ptr<Service> service) {
  const std::lock_guard lock(mutex_);
  services_.push_back(std::move(service));
}

void RegistryEars::remove(const std::shared_ptr<Service>& service) {
  const std::lock_guard lock(mutex_);
  std::erase(services_, service);
}

void RegistryEars::on_event(routing::Registry::Event event, routing::ServiceRef ref, bool is_hub) {
  using Event = routing::Registry::Event;
  const std::lock_guard lock(mutex_);
  for (const auto& service : services_) {
    if (event == Event::up || event == Event::down) {
      service->mailbox()->service_changed(ref, event == Event::up);
    } else if (event == Event::changed && is_hub) {
      service->mailbox()->wake();  // which hub has which channel may be another now
    }
  }
}

}  // namespace cm::plugin
