#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>

#include "discovery/discovery.hpp"
#include "routing/registry.hpp"

namespace cm::gateway {

// What every record of this host's services has in common.
struct HostRecord {
  std::string name;
  std::string mesh;
  std::string boot;
  std::string link_address;
};

// Keeps the catalog equal to this host's own services in the Registry. [any thread]
class Registrar {
 public:
  // `changed` is called when services() changed, on the thread that changed it.
  Registrar(routing::Registry& registry, discovery::Discovery& discovery, std::function<void()> changed = {});

  // From now on; registers what is up already. Once.
  void start(HostRecord host);
  // Services of the Registry changed.
  void on_event(routing::Registry::Event event, std::span<const routing::ServiceRef> refs);
  // Brings the catalog's loads up to date; called every few seconds.
  void refresh_loads();
  // This host's services by id, each with the reason why it is unhealthy; empty if it is healthy.
  [[nodiscard]] std::map<std::string, std::string> services() const;
  // Takes all of them out of the catalog, for good.
  void withdraw();

 private:
  void bring_up_to_date(routing::ServiceRef ref);
  // Returns true if services() changed.
  bool update(routing::ServiceRef ref);

  routing::Registry& registry_;
  discovery::Discovery& discovery_;
  const std::function<void()> changed_;
  mutable std::mutex mutex_;  // guards all below
  bool active_ = false;
  HostRecord host_;
  std::map<routing::ServiceRef, discovery::ServiceRecord> registered_;
};

}  // namespace cm::gateway
