#pragma once

#include <string>
#include <vector>

#include "discovery/discovery.hpp"

namespace cm::discovery {

// One right of a Consul ACL token.
struct ConsulRight {
  std::string resource;  // "node", "service" or "key"
  std::string name;
  bool prefix = false;  // of all whose names begin with `name`
  bool write = false;   // includes reading
  bool reads = true;    // without reading, the host cannot work
  bool writes = false;  // without writing, the host cannot work
  std::string why;      // a comment for people

  // As in a policy: `key_prefix "cellmesh/routes/"`.
  [[nodiscard]] std::string text() const;
};

// The rights that a host of this role needs, and no more.
std::vector<ConsulRight> consul_rights(const AccessRole& role);

// The rights of `cellmesh chat --consul` and `bots --consul`.
std::vector<ConsulRight> consul_client_rights();

// The same as a policy for `consul acl policy create -rules`, in HCL.
std::string consul_policy(const std::vector<ConsulRight>& rights);

}  // namespace cm::discovery
