#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cm::cli {

// Takes the next code point off the front of UTF-8 text; U+FFFD for a byte that begins none.
char32_t take_code_point(std::string_view& text);

// The text with every broken sequence replaced by U+FFFD: what a protobuf string may hold.
std::string valid_utf8(std::string_view text);

// The text as it may be shown on a terminal, whoever wrote it: no control characters, no change of direction.
std::string printable(std::string_view text);

// Columns that the text takes on a terminal.
std::size_t display_width(std::string_view text);

// The longest end of the text that fits into so many columns.
std::string_view fitting_end(std::string_view text, std::size_t columns);

}  // namespace cm::cli
