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

constexpr std::size_t kId = 2;

// A frame whose length takes `header` bytes and is known.
Decoded decode(std::span<const std::byte> bytes, std::size_t header, std::size_t length, std::size_t max_body) {
  Decoded d;
  d.size = header + length;
  if (length < kId) {
    d.status = Decoded::Status::malformed;
    return d;
  }
  if (bytes.size() >= header + kId) d.id = get_u16(bytes.data() + header);
  if (length - kId > max_body) {
    d.status = Decoded::Status::too_large;
  } else if (bytes.size() >= d.size) {
    d.status = Decoded::Status::complete;
    d.body = bytes.subspan(header + kId, length - kId);
  }
  return d;
}

}  // namespace

Decoded decode_frame(std::span<const std::byte> bytes, std::size_t max_body) noexcept {
  if (bytes.size() < kLengthBytes) return {};
  const std::size_t length = get_u16(bytes.data());
  if (length != 0 || max_body <= kMaxFrameBody) return decode(bytes, kLengthBytes, length, max_body);
  if (bytes.size() < kExtendedLength) return {};
  return decode(bytes, kExtendedLength, get_u16(bytes.data() + 2) | std::size_t{get_u16(bytes.data() + 4)} << 16U,
                max_body);
}

void encode_length(std::byte* to, std::size_t size) noexcept { put_u16(to, size); }

void encode_extended_length(std::byte* to, std::size_t size) noexcept {
  put_u16(to, 0);
  put_u16(to + 2, size & 0xFFFFU);
  put_u16(to + 4, size >> 16U);
}

void encode_frame(std::byte* to, std::uint16_t id, std::span<const std::byte> body) noexcept {
  put_u16(to, kId + body.size());
  put_u16(to + kLengthBytes, id);
  if (!body.empty()) std::memcpy(to + kFrameHeader, body.data(), body.size());
}

}  // namespace cm::net
