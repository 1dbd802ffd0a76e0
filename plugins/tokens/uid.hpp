#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

// Whom a token names.
namespace tokens {

inline constexpr std::size_t longest_uid = 32;

// One of a-z, A-Z, 0-9, "-", "_" and ".".
constexpr bool is_uid_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// 1 to 32 of these.
inline bool is_uid(std::string_view text) {
  return !text.empty() && text.size() <= longest_uid && std::all_of(text.begin(), text.end(), is_uid_letter);
}

}  // namespace tokens
