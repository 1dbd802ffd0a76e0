#include "cli/line_editor.hpp"

namespace cm::cli {
namespace {

constexpr char control(char letter) { return static_cast<char>(letter - '@'); }
constexpr char kEscape = 0x1B;
constexpr char kDelete = 0x7F;

}  // namespace

bool LineEditor::feed(std::string_view bytes, std::vector<std::string>& lines) {
  for (const char c : bytes) {
    if (in_escape(c)) continue;
    switch (c) {
      case '\r':
      case '\n':
        lines.push_back(std::move(text_));
        text_.clear();
        break;
      case control('D'):
        if (text_.empty()) return true;
        break;
      case kDelete:
      case control('H'):
        erase_character();
        break;
      case control('U'):
        text_.clear();
        break;
      case control('W'):
        erase_word();
        break;
      case kEscape:
        escape_ = Escape::begun;
        break;
      default:
        if (c == '\t') text_ += ' ';
        if (static_cast<unsigned char>(c) >= 0x20 && text_.size() < kLongest) text_ += c;
    }
  }
  return false;
}

void LineEditor::erase_character() {
  while (!text_.empty()) {
    const auto last = static_cast<unsigned char>(text_.back());
    text_.pop_back();
    if ((last & 0xC0U) != 0x80U) break;  // all bytes of it
  }
}

void LineEditor::erase_word() {
  while (!text_.empty() && text_.back() == ' ') text_.pop_back();
  while (!text_.empty() && text_.back() != ' ') text_.pop_back();
}

// Arrow keys and the like: ESC [ ... letter, ESC O letter, ESC letter.
bool LineEditor::in_escape(char c) {
  switch (escape_) {
    case Escape::none:
      return false;
    case Escape::begun:
      escape_ = c == '[' ? Escape::sequence : c == 'O' ? Escape::one_more : Escape::none;
      return true;
    case Escape::sequence:
      if (c >= 0x40 && c <= 0x7E) escape_ = Escape::none;
      return true;
    case Escape::one_more:
      escape_ = Escape::none;
      return true;
  }
  return false;
}

}  // namespace cm::cli
