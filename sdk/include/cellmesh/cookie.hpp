// SPDX-License-Identifier: MIT
//
// Cookies: the arguments that a reply, timer, subscription or job brings back to its handler. They are copied as bytes,
// since what waits may come back to a newer version of the plugin: every argument stands with its size, and one that
// does not fit the handler any more is refused.
#ifndef CELLMESH_COOKIE_HPP
#define CELLMESH_COOKIE_HPP

#include <google/protobuf/message_lite.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "abi/types.h"

namespace cellmesh {

// What a cookie may be made of: text, protobuf messages, and trivially copyable types without pointers in them
// (numbers, enums, Client, ServiceId, Request, structs of these). Since 1.0.
template <typename T>
concept CookieValue = std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view> ||
    std::is_base_of_v<google::protobuf::MessageLite, T> ||
    (std::is_trivially_copyable_v<T>&& std::is_default_constructible_v<T> && !std::is_pointer_v<T> &&
     !std::is_member_pointer_v<T> && !std::is_null_pointer_v<T>);

namespace detail {

// Writes a cookie. `overflow()` when it is over CM_MAX_COOKIE bytes.
class CookieWriter {
 public:
  template <CookieValue T>
  void add(const T& value) {
    if constexpr (std::is_base_of_v<google::protobuf::MessageLite, T>) {
      const std::size_t size = value.ByteSizeLong();
      if (std::uint8_t* to = room(size)) value.SerializeWithCachedSizesToArray(to);
    } else if constexpr (std::is_trivially_copyable_v<T> && !std::is_same_v<T, std::string_view>) {
      if (std::uint8_t* to = room(sizeof(T))) std::memcpy(to, &value, sizeof(T));
    } else {
      const std::string_view text = value;
      if (std::uint8_t* to = room(text.size()); to != nullptr && !text.empty()) {
        std::memcpy(to, text.data(), text.size());
      }
    }
  }

  [[nodiscard]] bool overflow() const { return overflow_; }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  // Appends the size of a value; where its bytes go, null when they do not fit.
  std::uint8_t* room(std::size_t size) {
    const auto prefix = static_cast<std::uint32_t>(size);
    if (overflow_ || size > bytes_.size() || bytes_.size() - size_ < size + sizeof prefix) {
      overflow_ = true;
      return nullptr;
    }
    std::memcpy(bytes_.data() + size_, &prefix, sizeof prefix);
    std::uint8_t* to = bytes_.data() + size_ + sizeof prefix;
    size_ += sizeof prefix + size;
    return to;
  }

  // Not zeroed: only the first size_ bytes are ever read.
  std::array<std::uint8_t, CM_MAX_COOKIE> bytes_;
  std::size_t size_ = 0;
  bool overflow_ = false;
};

// Reads one back.
class CookieReader {
 public:
  explicit CookieReader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  // False when what is next does not fit T.
  template <CookieValue T>
  [[nodiscard]] bool next(T& value) {
    std::uint32_t size = 0;
    if (rest_.size() < sizeof size) return false;
    std::memcpy(&size, rest_.data(), sizeof size);
    rest_ = rest_.subspan(sizeof size);
    if (rest_.size() < size) return false;
    const auto bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    if constexpr (std::is_base_of_v<google::protobuf::MessageLite, T>) {
      return value.ParseFromArray(bytes.data(), static_cast<int>(size));
    } else if constexpr (std::is_trivially_copyable_v<T> && !std::is_same_v<T, std::string_view>) {
      if (size != sizeof(T)) return false;
      std::memcpy(&value, bytes.data(), sizeof(T));
      return true;
    } else {
      value = T(reinterpret_cast<const char*>(bytes.data()), size);
      return true;
    }
  }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::uint8_t> rest_;
};

// The cookie part of a handler's arguments, read back: false when the bytes do not fit all of them exactly.
template <typename... Ts>
[[nodiscard]] bool read_cookie(std::span<const std::uint8_t> bytes, std::tuple<Ts...>& values) {
  CookieReader reader(bytes);
  const bool fits = std::apply([&](Ts&... value) { return (reader.next(value) && ...); }, values);
  return fits && reader.at_end();
}

}  // namespace detail
}  // namespace cellmesh

#endif
