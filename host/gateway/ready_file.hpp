#pragma once

#include <string>

#include "base/result.hpp"
#include "routing/frontends.hpp"
#include "routing/registry.hpp"

namespace cm::gateway {

// Writes {"host","pid","frontends":[{"service","transport","address","url"}]} of this host's own services, a row a
// listener, atomically: a reader sees the whole file or none.
base::Status write_ready_file(const std::string& path, const std::string& host, const routing::Registry& registry,
                              const routing::Frontends& frontends);

}  // namespace cm::gateway
