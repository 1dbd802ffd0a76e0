#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace cm::plugin {

// Whether a plugin's file says that it holds robots (see cellmesh/abi/robot.h), which `cellmesh bots` runs and no host
// does. False for what is no plugin.
bool is_robot(const std::filesystem::path& file);

// Refuses a robot where a service is wanted.
base::Status check_no_robot(const std::filesystem::path& file);

}  // namespace cm::plugin
