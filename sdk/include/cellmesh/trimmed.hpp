// SPDX-License-Identifier: MIT
//
// White space around texts that people write.
#ifndef CELLMESH_TRIMMED_HPP
#define CELLMESH_TRIMMED_HPP

#include <cstddef>
#include <string_view>

namespace cellmesh {

namespace detail {

// White space beyond ASCII, in UTF-8: U+0085, U+00A0; U+1680, U+180E, U+2000 to U+200B, U+2028, U+2029, U+202F, U+205F,
// U+2060, U+3000, U+FEFF (the byte order mark).
inline constexpr std::string_view blanks_of_one = " \t\n\v\f\r";
inline constexpr std::string_view blanks_of_two = "\xc2\x85\xc2\xa0";
inline constexpr std::string_view blanks_of_three =
    "\xe1\x9a\x80\xe1\xa0\x8e\xe2\x80\x80\xe2\x80\x81\xe2\x80\x82\xe2\x80\x83\xe2\x80\x84\xe2\x80\x85\xe2\x80\x86"
    "\xe2\x80\x87\xe2\x80\x88\xe2\x80\x89\xe2\x80\x8a\xe2\x80\x8b\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\x9f"
    "\xe2\x81\xa0\xe3\x80\x80\xef\xbb\xbf";

constexpr bool is_blank(std::string_view character) noexcept {
  const std::string_view blanks = character.size() == 1   ? blanks_of_one
                                  : character.size() == 2 ? blanks_of_two
                                                          : blanks_of_three;
  for (std::size_t i = 0; i + character.size() <= blanks.size(); i += character.size()) {
    if (blanks.substr(i, character.size()) == character) return true;
  }
  return false;
}

}  // namespace detail

// Returns the text without the byte order mark and the white space around it, which editors, `echo` and copied lines
// add to what people write; the result refers to `text`. The host trims settings by itself: call this for what a plugin
// reads on its own, such as entries of kv() that operators write, environment variables and files. White space is
// Unicode's, no-break and zero width spaces included. [any-thread] Since 1.2.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  for (std::size_t size = 1; size <= 3;) {
    if (text.size() >= size && detail::is_blank(text.substr(0, size))) {
      text.remove_prefix(size);
      size = 1;
    } else if (text.size() >= size && detail::is_blank(text.substr(text.size() - size))) {
      text.remove_suffix(size);
      size = 1;
    } else {
      ++size;
    }
  }
  return text;
}

}  // namespace cellmesh

#endif  // CELLMESH_TRIMMED_HPP
