#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "routing/registry.hpp"

namespace cm::plugin {

class Service;

// Tells the services of this host what changes in the registry. Shared with the registry's listener, which stays for
// good. [any thread]
class RegistryEars {
 public:
  static std::shared_ptr<RegistryEars> listen(routing::Registry& registry);
  explicit RegistryEars(routing::KindRef hub) : hub_(hub) {}

  void add(std::shared_ptr<Service> service);
  void remove(const std::shared_ptr<Service>& service);

 private:
  void on_event(routing::Registry::Event event, std::span<const routing::ServiceRef> refs, const routing::Names& names);

  const routing::KindRef hub_;
  std::mutex mutex_;  // guards services_
  std::vector<std::shared_ptr<Service>> services_;
};

}  // namespace cm::plugin
