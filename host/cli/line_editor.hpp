#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cm::cli {

// The line that a person types, byte by byte from a terminal that does not echo: letters, backspace, Ctrl-U (all away),
// Ctrl-W (a word away), Enter, Ctrl-D (the end). Other keys do nothing.
class LineEditor {
 public:
  static constexpr std::size_t kLongest = 16'384;  // bytes; more is not taken

  // Takes what was typed; appends the lines that were finished. True: Ctrl-D on an empty line, and what is behind it is
  // dropped.
  bool feed(std::string_view bytes, std::vector<std::string>& lines);

  // The line as typed so far.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  enum class Escape { none, begun, sequence, one_more };
  void erase_character();
  void erase_word();
  bool in_escape(char c);

  std::string text_;
  Escape escape_ = Escape::none;
};

}  // namespace cm::cli
