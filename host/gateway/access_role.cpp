#include "gateway/access_role.hpp"

namespace cm::gateway {

discovery::AccessRole access_role(const std::string& host, const std::vector<plugin::Manifest>& plugins) {
  discovery::AccessRole role;
  role.host = host;
  role.list_in_kv = !host.empty();
  role.needs.insert("hub");
  for (const auto& plugin : plugins) {
    role.plugins.insert(plugin.name);
    role.provides.insert(plugin.provides.begin(), plugin.provides.end());
    role.needs.insert(plugin.requires_kinds.begin(), plugin.requires_kinds.end());
    role.shares.insert(plugin.shares.begin(), plugin.shares.end());
    role.gateway = role.gateway || plugin.gateway;
  }
  return role;
}

}  // namespace cm::gateway
