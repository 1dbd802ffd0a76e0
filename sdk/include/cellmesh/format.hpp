// SPDX-License-Identifier: MIT
//
// `{}` formatting for log lines, checked at compile time: as many `{}` as arguments, `{{` and `}}` for braces.
// Arguments are text, numbers, bool, char, enums, and whatever has a to_string() found beside its type.
#ifndef CELLMESH_FORMAT_HPP
#define CELLMESH_FORMAT_HPP

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace cellmesh {
namespace detail {

template <typename T>
concept HasToString = requires(const T& value) {
  { to_string(value) } -> std::convertible_to<std::string_view>;
};

template <typename T>
void append_value(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, const char*> || std::is_same_v<T, char*>) {
    out += value != nullptr ? value : "(null)";
  } else if constexpr (std::convertible_to<const T&, std::string_view>) {
    out += std::string_view(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    out += value;
  } else if constexpr (std::is_arithmetic_v<T>) {
    std::array<char, 64> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
  } else if constexpr (HasToString<T>) {
    out += std::string_view(to_string(value));
  } else if constexpr (std::is_enum_v<T>) {
    append_value(out, static_cast<std::underlying_type_t<T>>(value));
  } else {
    static_assert(HasToString<T>,
                  "a log line takes text, numbers, bool, enums, and types with a to_string() beside them");
  }
}

// Copies `format` up to its next `{}`, which it eats.
inline void append_literal(std::string& out, std::string_view& format) {
  while (!format.empty()) {
    const char c = format.front();
    const char next = format.size() > 1 ? format[1] : '\0';
    const bool brace = c == '{' || c == '}';
    format.remove_prefix(brace && format.size() > 1 ? 2 : 1);
    if (c == '{' && next == '}') return;
    out += c;
  }
}

// Not constexpr: that it is called is the compiler's error message.
inline void a_brace_in_a_format_must_be_doubled() {}
inline void the_format_needs_exactly_one_pair_of_braces_for_each_argument() {}

}  // namespace detail

// A format that fits its arguments; made from a string literal by itself. Since 1.0.
template <typename... Args>
class FormatString {
 public:
  template <typename S>
  requires std::convertible_to<const S&, std::string_view>
  consteval FormatString(const S& text) : text_(text) {  // NOLINT(google-explicit-constructor): that is its use
    std::size_t arguments = 0;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] != '{' && text_[i] != '}') continue;
      const char next = i + 1 < text_.size() ? text_[i + 1] : '\0';
      if (text_[i] == '{' && next == '}') {
        ++arguments;
      } else if (next != text_[i]) {
        detail::a_brace_in_a_format_must_be_doubled();
      }
      ++i;
    }
    if (arguments != sizeof...(Args)) detail::the_format_needs_exactly_one_pair_of_braces_for_each_argument();
  }

  [[nodiscard]] constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

// The formatted text. [any thread] Since 1.0.
template <typename... Args>
std::string format(FormatString<std::type_identity_t<Args>...> text, const Args&... args) {
  std::string out;
  std::string_view rest = text.text();
  out.reserve(rest.size() + 16 * sizeof...(Args));
  ((detail::append_literal(out, rest), detail::append_value(out, args)), ...);
  detail::append_literal(out, rest);
  return out;
}

}  // namespace cellmesh

#endif
