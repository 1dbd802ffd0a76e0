// SPDX-License-Identifier: MIT
//
// Names taken from the source at compile time: of a handler, `Game::on_player`, and of a service's kind, `game`.
#ifndef CELLMESH_NAME_HPP
#define CELLMESH_NAME_HPP

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>

namespace cellmesh::detail {

// The compiler's own spelling of what H or T stands for. The return type is auto because gcc explains type aliases of a
// signature behind it.
template <auto H>
constexpr auto pretty_value() {
  return std::string_view(__PRETTY_FUNCTION__);
}
template <typename T>
constexpr auto pretty_type() {
  return std::string_view(__PRETTY_FUNCTION__);
}

// `... [with auto H = &ns::Game::on_player]` -> `ns::Game::on_player`
constexpr std::string_view pretty_argument(std::string_view pretty) {
  const std::size_t from = pretty.find(" = ") + 3;
  std::string_view name = pretty.substr(from, pretty.rfind(']') - from);
  while (!name.empty() && (name.front() == '&' || name.front() == '(' || name.front() == ' ')) name.remove_prefix(1);
  while (!name.empty() && name.back() == ')') name.remove_suffix(1);
  return name;
}

// The last `parts` components of a qualified name; `::` in template arguments and in `(anonymous namespace)` does not
// count.
constexpr std::string_view last_parts(std::string_view name, int parts) {
  int depth = 0;
  for (std::size_t i = name.size(); i > 1; --i) {
    const char c = name[i - 1];
    if (c == '>' || c == ')' || c == '}') ++depth;
    if (c == '<' || c == '(' || c == '{') --depth;
    if (depth == 0 && c == ':' && name[i - 2] == ':') {
      if (--parts == 0) return name.substr(i);
      --i;
    }
  }
  return name;
}

// A NUL-terminated text of N bytes in static storage.
template <std::size_t N>
struct StaticText {
  std::array<char, N + 1> bytes{};
  [[nodiscard]] constexpr const char* c_str() const { return bytes.data(); }
  [[nodiscard]] constexpr std::string_view view() const { return {bytes.data(), N}; }
};

// The handler's name on its way through the host: it must be the same in the next version of the plugin.
template <auto H>
struct HandlerName {
  static constexpr std::string_view source = last_parts(pretty_argument(pretty_value<H>()), 2);
  static constexpr auto make() {
    StaticText<source.size()> text;
    for (std::size_t i = 0; i < source.size(); ++i) text.bytes[i] = source[i];
    return text;
  }
  static constexpr StaticText<source.size()> value = make();
};

constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

// Whether snake case has a `_` before byte i of a CamelCase name: `ChatRoom` chat_room, `HTTPServer` http_server.
constexpr bool starts_word(std::string_view name, std::size_t i) {
  if (i == 0 || !is_upper(name[i]) || name[i - 1] == '_') return false;
  return !is_upper(name[i - 1]) || (i + 1 < name.size() && is_lower(name[i + 1]));
}

// The kind of service that T is: `T::kind` when it has one, else its class's name in lower snake case.
template <typename T>
struct KindName {
  static constexpr bool given = requires {
    { T::kind } -> std::convertible_to<std::string_view>;
  };
  static constexpr std::string_view source() {
    if constexpr (given) {
      return T::kind;
    } else {
      return last_parts(pretty_argument(pretty_type<T>()), 1);
    }
  }
  static constexpr std::size_t size() {
    std::size_t n = source().size();
    for (std::size_t i = 0; !given && i < source().size(); ++i) n += starts_word(source(), i) ? 1 : 0;
    return n;
  }
  static constexpr auto make() {
    StaticText<size()> text;
    std::size_t to = 0;
    for (std::size_t i = 0; i < source().size(); ++i) {
      const char c = source()[i];
      if (!given && starts_word(source(), i)) text.bytes[to++] = '_';
      text.bytes[to++] = !given && is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return text;
  }
  static constexpr StaticText<size()> value = make();
  static constexpr bool valid() {
    for (const char c : value.view()) {
      if (!is_lower(c) && !(c >= '0' && c <= '9') && c != '_' && c != '-') return false;
    }
    return !value.view().empty();
  }
  static_assert(valid(),
                "a service's kind is made of a-z, 0-9, _ and -: give the class a "
                "`static constexpr std::string_view kind`");
};

}  // namespace cellmesh::detail

#endif
