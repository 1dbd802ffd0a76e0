#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cm::net {

// The client framing, that of davyxu/cellmesh (Go): little-endian u16 length of what follows, u16 message id, body.
inline constexpr std::size_t kFrameHeader = 4;
inline constexpr std::size_t kMaxFrameBody = 65'533;
inline constexpr std::size_t kMaxFrame = kFrameHeader + kMaxFrameBody;

struct Decoded {
  enum class Status : std::uint8_t {
    complete,
    incomplete,  // a frame may begin so; more bytes are needed
    malformed,   // its length leaves no room for an id
    too_large,   // its body is over the limit; said as soon as the length is there
  };
  Status status = Status::incomplete;
  std::uint16_t id = 0;             // 0 when it is not there yet
  std::span<const std::byte> body;  // complete only; lies in the bytes given
  std::size_t size = 0;             // bytes of the whole frame; 0 when its length is not there yet
};

// Looks at the frame that `bytes` begins with.
[[nodiscard]] Decoded decode_frame(std::span<const std::byte> bytes, std::size_t max_body) noexcept;

// Writes kFrameHeader + body.size() bytes; the body is at most kMaxFrameBody.
void encode_frame(std::byte* to, std::uint16_t id, std::span<const std::byte> body) noexcept;

}  // namespace cm::net
