#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "discovery/consul.hpp"

// What goes to Consul and what comes from it, as text. Pure functions; nothing that comes is trusted.
namespace cm::discovery::consul {

// One word of a path or a query: all but [A-Za-z0-9_.~-] as %XX, so `game#0@dev` is `game%230%40dev`.
std::string escape(std::string_view word);
// The same for a key, whose slashes stay.
std::string escape_key(std::string_view key);

// The body of PUT /v1/agent/service/register.
std::string registration(const ServiceRecord& record, const ConsulConfig& config);

struct Services {
  std::vector<ServiceRecord> records;
  std::vector<std::string> refused;  // why an entry was left out: one that is not a cellmesh service's, or damaged
};
// The answer of /v1/health/service/<kind>; services of other meshes are left out silently.
base::Result<Services> parse_services(std::string_view body, std::string_view kind, std::string_view mesh);

// The answer of /v1/kv/<prefix>?recurse.
base::Result<Discovery::KvMap> parse_kv(std::string_view body, std::string_view prefix);

base::Result<std::string> decode_base64(std::string_view text);

// X-Consul-Index; 0 when it is missing or no number.
std::uint64_t parse_index(std::string_view header);

}  // namespace cm::discovery::consul
