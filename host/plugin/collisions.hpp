#pragma once

#include <string>

#include "plugin/manifest.hpp"

namespace cm::plugin {

// Whether a plugin can stand beside another that is loaded: names, kinds, message ids, routes.
base::Status check_pair(const Manifest& manifest, const Manifest& other, const std::string& label);

// Whether a plugin can take the place of `before` while that runs: it must be the same plugin with the same kinds.
base::Status check_successor(const Manifest& manifest, const Manifest& before, const std::string& label);

// Whether its message ids leave those alone that the host itself speaks to clients and to the hub.
base::Status check_host_messages(const Manifest& manifest, const std::string& label);

}  // namespace cm::plugin
