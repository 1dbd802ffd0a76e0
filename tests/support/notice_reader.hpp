#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cm::test {

struct NoticeRead {
  std::uint32_t code = 0;
  std::uint32_t msg_id = 0;
  std::string service;
  std::string text;
};

// Reads a proto.NoticeACK; nothing when the bytes are none.
inline std::optional<NoticeRead> read_notice(std::string_view body) {
  NoticeRead notice;
  const auto varint = [&]() -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !body.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(body.front());
      body.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  };
  while (!body.empty()) {
    const auto tag = varint();
    const auto value = varint();
    if (!tag || !value) return std::nullopt;
    if (*tag == 8) {
      notice.code = static_cast<std::uint32_t>(*value);
    } else if (*tag == 16) {
      notice.msg_id = static_cast<std::uint32_t>(*value);
    } else if (*tag == 26 || *tag == 34) {
      if (*value > body.size()) return std::nullopt;
      (*tag == 26 ? notice.service : notice.text) = std::string(body.substr(0, *value));
      body.remove_prefix(*value);
    } else {
      return std::nullopt;
    }
  }
  return notice;
}

}  // namespace cm::test
