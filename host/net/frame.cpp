#include "net/frame.hpp"

#include <cstring>

namespace cm::net {
namespace {

std::uint16_t get_u16(const std::byte* at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[0]) | std::to_integer<unsigned>(at[1]) << 8U);
}

void put_u16(std::byte* at, std::size_t value) {
  at[0] = static_cast<std::byte>(value & 0xFFU);
  at[1] = static_cast<std::byte>(value >> 8U & 0xFFU);
}

constexpr std::size_t kLength = 2;
constexpr std::size_t kId = 2;

}  // namespace

Decoded decode_frame(std::span<const std::byte> bytes, std::size_t max_body) noexcept {
  Decoded d;
  if (bytes.size() < kLength) return d;
  const std::size_t length = get_u16(bytes.data());
  d.size = kLength + length;
  if (length < kId) {
    d.status = Decoded::Status::malformed;
    return d;
  }
  if (bytes.size() >= kFrameHeader) d.id = get_u16(bytes.data() + kLength);
  if (length - kId > max_body) {
    d.status = Decoded::Status::too_large;
  } else if (bytes.size() >= d.size) {
    d.status = Decoded::Status::complete;
    d.body = bytes.subspan(kFrameHeader, length - kId);
  }
  return d;
}

void encode_frame(std::byte* to, std::uint16_t id, std::span<const std::byte> body) noexcept {
  put_u16(to, kId + body.size());
  put_u16(to + kLength, id);
  if (!body.empty()) std::memcpy(to + kFrameHeader, body.data(), body.size());
}

}  // namespace cm::net
