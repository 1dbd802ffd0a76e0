#include "plugin/registry_ears.hpp"

#include <algorithm>
#include <utility>

#include "plugin/service.hpp"

namespace cm::plugin {

std::shared_ptr<RegistryEars> RegistryEars::listen(routing::Registry& registry) {
  auto& names = registry.names();
  auto ears = std::make_shared<RegistryEars>(names.kind(HubClient::kHubKind));
  registry.listen([ears, &names](auto event, auto refs) { ears->on_event(event, refs, names); });
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

void RegistryEars::on_event(routing::Registry::Event event, std::span<const routing::ServiceRef> refs,
                            const routing::Names& names) {
  using Event = routing::Registry::Event;
  if (event == Event::room) return;
  const bool of_hub = event == Event::changed &&
                      std::any_of(refs.begin(), refs.end(), [&](auto ref) { return names.kind_of(ref) == hub_; });
  const std::lock_guard lock(mutex_);
  for (const auto& service : services_) {
    if (event == Event::changed) {
      if (of_hub) service->mailbox()->wake();  // which hub has which channel may be another now
      continue;
    }
    for (const auto ref : refs) service->mailbox()->service_changed(ref, event == Event::up);
  }
}

}  // namespace cm::plugin
