#pragma once

#include <functional>
#include <optional>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "admin/server.hpp"
#include "discovery/discovery.hpp"
#include "discovery/settings.hpp"
#include "routing/registry.hpp"
#include "routing/route_table.hpp"

namespace cm::admin {

// What the commands look at and act on. The rooms outlive the server; the functions are called on the admin thread and
// answer through `done`, or at once.
struct Sources {
  routing::Registry& registry;
  routing::Routes& routes;
  discovery::Settings& settings;
  discovery::Discovery& discovery;

  // What only the gateway knows: {"host":"0@dev","version":"1.0.0","uptime_sec":12,...}; comes first in `status`.
  std::function<boost::json::object()> status;
  // One object a link: {"host":"1@dev","address":"127.0.0.1:7000","state":"up","services":3,...}.
  std::function<boost::json::array()> links;
  // One object a plugin: {"name":"chat","version":"1.0.0","generation":1,"provides":["game"],...}.
  std::function<boost::json::array()> plugins;
  // Up to `limit` clients of this host's frontends, or of one agent only when it is not empty. One object a client,
  // with
  // {"client":"agent#0@dev/17"} as `kick` takes it; and how many there are in all.
  struct ClientPage {
    boost::json::array clients;
    std::uint64_t total = 0;
  };
  std::function<void(std::string agent, std::size_t limit, std::function<void(base::Result<ClientPage>)> done)> clients;
  std::function<void(const routing::ServiceRoutes& routes, discovery::Discovery::Done done)> push_routes;
  // The routes that a loaded plugin of this host brings for a service; none when no plugin provides it.
  std::function<std::optional<routing::ServiceRoutes>(const std::string& service)> plugin_routes;
  std::function<void(std::string plugin, discovery::Discovery::Done done)> load;
  std::function<void(std::string plugin, discovery::Discovery::Done done)> unload;
  // What they came to, step by step: {"ok":true,"plugin":"chat","pause_us":41,"steps":[...]}.
  using Reloaded = std::function<void(boost::json::object)>;
  std::function<void(std::string plugin, std::string file, Reloaded done)> reload;
  std::function<void(std::string plugin, Reloaded done)> rollback;
};

// The commands by name:
//   status   services {kind}   links   clients {agent, limit}   plugins
//   settings.get {prefix}   settings.set {path, value, force}
//   routes.show {service}   routes.push {service, version, rules}, or {service}: those of the plugin loaded here
//   kick {client, text}   load {name}   unload {name}   reload {name, file}   rollback {name}   log {levels}
Handlers make_commands(Sources sources);

// A client as people write it: `agent#0@dev/17`, or `17` for the only gateway service of this host.
base::Result<routing::ClientId> parse_client(std::string_view text, const routing::Registry& registry);

}  // namespace cm::admin
