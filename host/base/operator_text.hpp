#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace cm::base {

// The control characters that a text may hold inside.
enum class TextForm : std::uint8_t {
  line,         // nowhere
  line_or_pem,  // nowhere, but for the line breaks of a PEM block
  lines,        // tabs and line breaks may stand anywhere
};

// Returns the text without a byte order mark and without the white space of Unicode around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

// Reads a text as its author meant it, whichever way it came: an entry of the KV, a flag, a variable, a line of a file.
// Removes a byte order mark and the white space around it. Fails for bytes that are not UTF-8 and for control
// characters inside; the error names the first one, its place (in bytes, from 1) and the remedy, and never quotes the
// text, which may be a secret: the caller says what it is the value of. [any thread]
[[nodiscard]] Result<std::string> clean_text(std::string_view text, TextForm form = TextForm::line);

}  // namespace cm::base
