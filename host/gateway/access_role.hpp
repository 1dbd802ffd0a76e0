#pragma once

#include <string>
#include <vector>

#include "discovery/discovery.hpp"
#include "plugin/manifest.hpp"

namespace cm::gateway {

// Returns what a host of this name does with Consul when it runs these plugins: by this its rights are checked, and the
// policy made that `cellmesh acl-policy` prints.
discovery::AccessRole access_role(const std::string& host, const std::vector<plugin::Manifest>& plugins);

}  // namespace cm::gateway
