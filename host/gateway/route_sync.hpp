#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/discovery.hpp"
#include "routing/route_table.hpp"

namespace cm::gateway {

// True when version a (MAJOR.MINOR.PATCH) is newer than b. What is no number counts as 0.
[[nodiscard]] bool newer_version(std::string_view a, std::string_view b);

// Keeps Routes equal to `cellmesh/routes/<service>` in the KV, and publishes there what loaded plugins bring. A broken
// value is refused with a warning and the service's old routes stay. [any thread]
class RouteSync {
 public:
  // `on_changed`: the route table changed. [discovery's thread, or that of publish()]
  RouteSync(discovery::Discovery& discovery, routing::Routes& routes, std::function<void()> on_changed);
  ~RouteSync();
  RouteSync(const RouteSync&) = delete;
  RouteSync& operator=(const RouteSync&) = delete;

  void start();
  // A loaded plugin's routes: written when the KV has none (now or later), or those of an older plugin version. In
  // force on this host at once when there were none.
  void publish(const routing::ServiceRoutes& routes);
  // A new generation took over, on this host: its routes take the place of those of the one before, unless the KV has
  // others meanwhile.
  void replace(const routing::ServiceRoutes& before, const routing::ServiceRoutes& now);
  // The plugin is unloaded: its routes stay in the KV, but are not this host's to keep there any more.
  void retract(const std::string& service);
  // Writes them whatever stands there.
  void push(const routing::ServiceRoutes& routes, discovery::Discovery::Done done);

 private:
  void on_change(const discovery::Discovery::KvMap& values, bool lost);
  void write_back(const routing::ServiceRoutes& routes);
  std::vector<routing::ServiceRoutes> missing_in(const discovery::Discovery::KvMap& values);
  void changed();
  // `before`: they may be replaced whatever their version.
  void try_publish(const routing::ServiceRoutes& routes, const std::optional<routing::ServiceRoutes>& before,
                   int tries);

  discovery::Discovery& discovery_;
  routing::Routes& routes_;
  const std::function<void()> on_changed_;
  std::set<std::string> lost_;  // services whose routes the KV lost and does not have again yet; discovery's thread
  std::mutex mutex_;            // guards all below
  std::map<std::string, routing::ServiceRoutes> published_;  // by plugins of this host
};

}  // namespace cm::gateway
