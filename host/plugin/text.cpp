#include "plugin/text.hpp"

#include <array>

namespace cm::plugin {
namespace {

// Bytes of the character at the front of `text`; 0 when it is no UTF-8.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  const unsigned second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool too_high = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_high ? 0 : size;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string as_utf8(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (out.size() + (size == 0 ? 1 : size) > max_bytes) break;
    if (size == 0) {
      out += '?';
    } else {
      out.append(text.substr(0, size));
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

std::string one_line(std::string_view text, std::size_t max_bytes) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  std::string out(text.substr(0, max_bytes));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (text.size() > max_bytes) out += " (cut)";
  return out;
}

std::string status_text(cm_status status) {
  static constexpr std::array<std::string_view, 13> kTexts{"CM_OK",
                                                           "CM_BACKPRESSURE (a queue is full)",
                                                           "CM_UNAVAILABLE (no such service is up)",
                                                           "CM_TIMEOUT (no answer in time)",
                                                           "CM_INVALID (a bad argument)",
                                                           "CM_TOO_LARGE (a message too large)",
                                                           "CM_NOT_FOUND (no such name)",
                                                           "CM_WRONG_THREAD (called on another thread)",
                                                           "CM_FAULT (it failed inside)",
                                                           "CM_BAD_MESSAGE (a body that does not parse)",
                                                           "CM_UNHANDLED (no handler)",
                                                           "CM_REFUSED (not allowed)",
                                                           "CM_STOPPING (going down)"};
  const auto i = static_cast<std::size_t>(status);
  return status >= 0 && i < kTexts.size() ? std::string(kTexts[i]) : "status " + std::to_string(status);
}

}  // namespace cm::plugin
