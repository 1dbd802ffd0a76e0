#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace cm::cli {

// The admin socket of the host that is meant: the one named, or the only one that runs. Several: the error lists them.
base::Result<std::string> find_host(const std::string& named, const std::vector<std::string>& dirs);

}  // namespace cm::cli
