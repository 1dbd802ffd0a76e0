#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "discovery/consul.hpp"

namespace cm::discovery {

// Asks Consul once for the passing services of a kind and waits for the answer; for commands, not for a host. None
// running is an empty list. The error names the cause and the cure. Blocks up to the config's request_timeout.
base::Result<std::vector<ServiceRecord>> consul_lookup(ConsulConfig config, const std::string& kind);

}  // namespace cm::discovery
