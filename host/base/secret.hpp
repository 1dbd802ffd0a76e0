#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace cm::base {

// Shown in place of a secret wherever people may see it.
inline constexpr std::string_view kMasked = "***";

// Returns true for a value that says where the secret is, `file:PATH` or `env:NAME`, and holds none itself.
[[nodiscard]] bool is_secret_reference(std::string_view value);

// Returns the value as people may see it: an empty one and a reference as they are, else `***`. Of a URL (`is_url`)
// only what may be a password is masked, in the user part and in the query: `postgresql://ann:***@db/game`. A value
// that is not clearly a URL is masked as a whole. [any thread]
[[nodiscard]] std::string masked(std::string_view value, bool is_url);

// Reads what a reference names, cleaned as all that operators write; any other value is returned as it is. Fails when
// the file cannot be read (at most 64 KiB of a regular file), the variable is not set, or there is nothing in it; the
// error names the reference and the remedy, never the secret. Blocks for as long as the file system does. [any thread]
[[nodiscard]] Result<std::string> read_secret(const std::string& value);

}  // namespace cm::base
