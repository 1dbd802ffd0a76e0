#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "routing/registry.hpp"

namespace cm::plugin {

class Service;

// Tells the services of this host what changes in the registry. Shared with the registry's listener, which stays for
// good. [any thread]
class RegistryEars {
 public:
  static std::shared_ptr<RegistryEars> listen(routing::Registry& registry);

  void add(std::shared_ptr<Service> service);
  void remove(const std::shared_ptr<Service>& service);

 private:
  void on_event(routing::Registry::Event event, routing::ServiceRef ref, bool is_hub);

  std::mutex mutex_;  // guards services_
  std::vector<std::shared_ptr<Service>> services_;
};

}  // namespace cm::plugin
