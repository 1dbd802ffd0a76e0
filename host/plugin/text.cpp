#include "plugin/text.hpp"

#include <array>

namespace cm::plugin {

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
