#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "discovery/discovery.hpp"
#include "routing/route_table.hpp"

namespace cm::gateway {

// True when version a (MAJOR.MINOR.PATCH) is newer than b. What is no number counts as 0.
[[nodiscard]] bool newer_version(std::string_view a, std::string_view b);

// Keeps Routes equal to `cellmesh/routes/<service>` in the KV, and publishes there what loaded plugins bring. A broken
// value is refused with a warning and the service's old routes stay. [any thread]
class RouteSync {
 public:
  RouteSync(discovery::Discovery& discovery, routing::Routes& routes);
  ~RouteSync();
  RouteSync(const RouteSync&) = delete;
  RouteSync& operator=(const RouteSync&) = delete;

  void start();
  // A loaded plugin's routes: written when the KV has none, or those of an older plugin version.
  void publish(const routing::ServiceRoutes& routes);
  // Writes them whatever stands there.
  void push(const routing::ServiceRoutes& routes, discovery::Discovery::Done done);

 private:
  void on_change(const discovery::Discovery::KvMap& values, bool lost);
  void try_publish(const routing::ServiceRoutes& routes, int tries);

  discovery::Discovery& discovery_;
  routing::Routes& routes_;
  std::mutex mutex_;                                         // guards all below
  std::map<std::string, routing::ServiceRoutes> published_;  // by plugins of this host
};

}  // namespace cm::gateway
