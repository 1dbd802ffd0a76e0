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
// value is refused with a warning and the service's old routes stay.
//
// Of several versions of a plugin in the mesh the newest one's routes win, whichever host writes last: a host that
// finds routes in the KV that are older than its plugin's replaces them. What an operator pushes counts as the newest
// version known, and so stays until a newer one is loaded. Of two builds of one version the routes that came first
// stay; both hosts say so. [any thread]
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
  // Writes them whatever stands there, as of the newest version known if theirs is older.
  void push(const routing::ServiceRoutes& routes, discovery::Discovery::Done done);

 private:
  void on_change(const discovery::Discovery::KvMap& values, bool lost);
  void write_back(const routing::ServiceRoutes& routes);
  std::vector<routing::ServiceRoutes> missing_in(const discovery::Discovery::KvMap& values);
  // What this host has for a service and is newer than what the KV has: its plugin's, or, when the KV lost something,
  // what was in force.
  std::optional<routing::ServiceRoutes> newer_than(const routing::ServiceRoutes& in_kv,
                                                   const std::map<std::string, routing::ServiceRoutes>& in_force,
                                                   bool lost);
  void say_if_different(const routing::ServiceRoutes& in_kv, const routing::ServiceRoutes& of_plugin);
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
  std::map<std::string, std::string> said_;                  // what of the KV was last said to differ, by service
};

}  // namespace cm::gateway
