#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.hpp"

namespace cm::discovery {

inline constexpr std::size_t kMaxKey = 512;
inline constexpr std::size_t kMaxValue = 512U << 10U;
inline constexpr std::size_t kMaxRequestsUnderWay = 1024;

// What the KV takes as a key: words parted by single slashes, none of them "." or "..", 512 bytes at most.
base::Status check_key(std::string_view key);
// The same of a prefix, which may be empty or end in a slash.
base::Status check_prefix(std::string_view prefix);
base::Status check_entry(std::string_view key, std::string_view value);

// The refusal of one more than kMaxRequestsUnderWay.
base::Error too_many_requests();

}  // namespace cm::discovery
