#include "base/operator_text.hpp"

#include <array>
#include <cstdio>

#include "base/utf8.hpp"
#include "cellmesh/trimmed.hpp"

namespace cm::base {
namespace {

constexpr std::string_view kPem = "-----BEGIN ";

// "a line feed (\x0a)"; empty for what may stand in a line.
std::string control_name(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character == "\n") return "a line feed (\\x0a)";
  if (character == "\r") return "a carriage return (\\x0d)";
  if (character == "\t") return "a tab (\\x09)";
  if (character == "\xef\xbb\xbf") return "a byte order mark (\\xef\\xbb\\xbf)";
  if (character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9") return "a Unicode line break";
  const bool c0 = character.size() == 1 && (byte(0) < 0x20 || byte(0) == 0x7f);
  const bool c1 = character.size() == 2 && byte(0) == 0xc2 && byte(1) < 0xa0;
  if (!c0 && !c1) return {};
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "the control character \\x%02x", byte(character.size() - 1));
  return text.data();
}

Error not_utf8(std::size_t at) {
  return error("it is not UTF-8 text: byte " + std::to_string(at) + " cannot stand there; write it again as UTF-8");
}

}  // namespace

std::string_view trimmed(std::string_view text) { return cellmesh::trimmed(text); }

Result<std::string> clean_text(std::string_view text, TextForm form) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return error("it is UTF-16, which some editors and shells write; write it again as UTF-8");
  }
  const std::string_view clean = trimmed(text);
  const bool breaks = form == TextForm::lines || (form == TextForm::line_or_pem && clean.starts_with(kPem));
  const auto start = static_cast<std::size_t>(clean.data() - text.data());
  for (std::size_t at = 0; at < clean.size();) {
    const std::size_t size = utf8_size(clean.substr(at));
    if (size == 0) return not_utf8(start + at + 1);
    const std::string_view character = clean.substr(at, size);
    if (!(breaks && (character == "\n" || character == "\r" || character == "\t"))) {
      if (const std::string name = control_name(character); !name.empty()) {
        return error("it has " + name + " at byte " + std::to_string(start + at + 1) +
                     (breaks ? "; write it without" : "; write it as one line, without control characters"));
      }
    }
    at += size;
  }
  return std::string(clean);
}

}  // namespace cm::base
