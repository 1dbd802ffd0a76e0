#pragma once

#include <cstdint>
#include <string_view>

namespace cm::codegen {

// The message id of a full name, `proto.ChatREQ`: a hash over its bytes without the dots, the same as that of the Go
// cellmesh. 0 is no id.
constexpr std::uint16_t message_id(std::string_view full_name) {
  std::uint32_t h = 0;
  for (const char ch : full_name) {
    if (ch == '.') continue;
    const auto c = static_cast<unsigned char>(ch);
    h = (h + (h << 5U) + c + (static_cast<std::uint32_t>(c) << 7U)) & 0xFFFFU;
  }
  return static_cast<std::uint16_t>(h);
}

}  // namespace cm::codegen
