#pragma once

#include <cstdint>
#include <string_view>

namespace cm::routing {

// The id of a message on the wire: a hash over the bytes of its package and name with no dot between them
// ("protoChatREQ"), modulo 2^16.
[[nodiscard]] constexpr std::uint16_t message_id(std::string_view package_and_name) {
  std::uint32_t h = 0;
  for (const char c : package_and_name) {
    const auto u = static_cast<unsigned char>(c);
    h = (h + (h << 5U) + u + (static_cast<std::uint32_t>(u) << 7U)) & 0xFFFFU;
  }
  return static_cast<std::uint16_t>(h);
}

static_assert(message_id("protoChatREQ") == 29052 && message_id("protoSvcStatusACK") == 50227);

// NoticeACK, which hosts send to clients themselves: its id, and the version of the client protocol that it came with,
// as proto/client.proto says.
inline constexpr std::uint16_t kNoticeId = message_id("protoNoticeACK");
inline constexpr std::int32_t kNoticeSince = 2;

}  // namespace cm::routing
