#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cm::net {

// The client framing, that of davyxu/cellmesh (Go): little-endian u16 length of what follows, u16 message id, body.
inline constexpr std::size_t kFrameHeader = 4;
inline constexpr std::size_t kMaxFrameBody = 65'533;
inline constexpr std::size_t kMaxFrame = kFrameHeader + kMaxFrameBody;

// The extended form, in which transports bring what that cannot carry: a u16 of 0, a little-endian u32 length of what
// follows, u16 message id, body. Taken only where bodies over kMaxFrameBody are; never seen on a wire.
inline constexpr std::size_t kLengthBytes = 2;
inline constexpr std::size_t kExtendedLength = 6;
inline constexpr std::size_t kMaxExtendedBody = 1U << 20U;

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

// Writes the length of a frame whose id and body have `size` bytes: kLengthBytes of them.
void encode_length(std::byte* to, std::size_t size) noexcept;
// Writes the extended length of a frame whose id and body have `size` bytes: kExtendedLength of them.
void encode_extended_length(std::byte* to, std::size_t size) noexcept;

// Writes kFrameHeader + body.size() bytes; the body is at most kMaxFrameBody.
void encode_frame(std::byte* to, std::uint16_t id, std::span<const std::byte> body) noexcept;

}  // namespace cm::net
