#pragma once

#include <vector>

#include "discovery/settings.hpp"

namespace cm::gateway {

// The host's own settings: `cellmesh/config/host/<setting>`, per host `cellmesh/config/host/<name>/<setting>`.
std::vector<discovery::SettingField> host_setting_fields();

}  // namespace cm::gateway
