#include "discovery/consul_rights.hpp"

namespace cm::discovery {
namespace {

ConsulRight node_read() {
  return {.resource = "node",
          .name = "",
          .prefix = true,
          .why = "Consul hides services on nodes that the token cannot read"};
}

ConsulRight service(const std::string& kind, bool write, std::string why) {
  return {.resource = "service", .name = kind, .write = write, .writes = write, .why = std::move(why)};
}

ConsulRight key(std::string name, bool prefix, bool write, std::string why) {
  return {.resource = "key", .name = std::move(name), .prefix = prefix, .write = write, .why = std::move(why)};
}

}  // namespace

std::string ConsulRight::text() const { return resource + (prefix ? "_prefix \"" : " \"") + name + "\""; }

std::vector<ConsulRight> consul_rights(const AccessRole& role) {
  std::vector<ConsulRight> out{node_read()};
  for (const auto& kind : role.provides) out.push_back(service(kind, true, "registers it"));
  if (role.gateway) {
    out.push_back(service("", false, "sends clients' messages to every kind that has a route"));
    out.back().prefix = true;
  } else {
    for (const auto& kind : role.needs) {
      if (!role.provides.contains(kind)) out.push_back(service(kind, false, "looks for it"));
    }
  }
  out.push_back(key("cellmesh/incarnation", false, true, "tells a KV that lost its data"));
  out.push_back(key("cellmesh/config/host/", true, true, "settings of hosts; missing ones are written"));
  for (const auto& kind : role.provides)
    out.push_back(key("cellmesh/config/" + kind + "/", true, true, "settings; missing ones are written"));
  if (role.list_in_kv)
    out.push_back(key("cellmesh/hosts/" + role.host + "/plugins", false, true, "the list of its plugins"));
  out.push_back(key("cellmesh/routes/", true, false, "routes of all kinds"));
  for (const auto& kind : role.provides)
    out.push_back(key("cellmesh/routes/" + kind, false, true, "publishes its routes"));
  out.push_back(key("cellmesh/services/", true, false, "hears of new services"));
  for (const auto& kind : role.provides)
    out.push_back(key("cellmesh/services/" + kind, false, true, "announces its services"));
  out.push_back(key("cellmesh/shared/", true, false, "entries that services share"));
  for (const auto& prefix : role.shares) {
    out.push_back(key("cellmesh/shared/" + prefix, true, true, "publishes such entries"));
    out.back().writes = true;
  }
  return out;
}

std::vector<ConsulRight> consul_client_rights() { return {node_read(), service("login", false, "looks for it")}; }

std::string consul_policy(const std::vector<ConsulRight>& rights) {
  std::string out;
  for (const auto& right : rights) {
    const std::string rule = right.text() + " { policy = \"" + (right.write ? "write" : "read") + "\" }";
    out += rule + std::string(rule.size() < 72 ? 72 - rule.size() : 1, ' ') + "# " + right.why + "\n";
  }
  return out;
}

}  // namespace cm::discovery
