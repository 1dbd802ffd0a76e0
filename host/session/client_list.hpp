#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace cm::session {

// The ClientList that a body begins with, see routing::Envelope.
class ClientList {
 public:
  // Nothing when the body is too short for what it says.
  static std::optional<ClientList> parse(std::span<const std::byte> body) {
    static_assert(std::endian::native == std::endian::little);
    std::uint32_t count = 0;
    if (body.size() < sizeof(count)) return std::nullopt;
    std::memcpy(&count, body.data(), sizeof(count));
    body = body.subspan(sizeof(count));
    if (body.size() / kSize < count) return std::nullopt;
    return ClientList(body.first(count * kSize), body.subspan(count * kSize));
  }

  [[nodiscard]] std::size_t size() const { return numbers_.size() / kSize; }
  [[nodiscard]] std::uint64_t operator[](std::size_t i) const {
    std::uint64_t number = 0;
    std::memcpy(&number, numbers_.data() + i * kSize, kSize);
    return number;
  }
  [[nodiscard]] std::span<const std::byte> rest() const { return rest_; }

 private:
  static constexpr std::size_t kSize = sizeof(std::uint64_t);
  ClientList(std::span<const std::byte> numbers, std::span<const std::byte> rest) : numbers_(numbers), rest_(rest) {}

  std::span<const std::byte> numbers_;
  std::span<const std::byte> rest_;
};

}  // namespace cm::session
