#pragma once

#include <termios.h>

#include <string>
#include <string_view>
#include <vector>

#include "cli/line_editor.hpp"

namespace cm::cli {

// Where a chat's lines come from and where it shows things. On a terminal the line being typed stays below what
// arrives; otherwise input is plain lines, chat goes to standard output and the rest to standard error. One a process.
class Terminal {
 public:
  Terminal();
  ~Terminal();  // leaves the terminal as it was
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // A person types here.
  [[nodiscard]] bool interactive() const { return interactive_; }

  // Reads what is there; appends finished lines. False when the input has ended. Call when standard input is readable.
  bool read(std::vector<std::string>& lines);
  // Signals that came while interactive: readable descriptor, -1 when there is none.
  [[nodiscard]] int signal_fd() const { return signal_fd_; }
  // Acts on them: stops on Ctrl-Z and comes back. A number: the process is to end by that signal.
  int take_signal();

  // One line of the chat; one line of ours. Both made printable by the caller.
  void show_chat(std::string_view line);
  void show_note(std::string_view line);
  // Shows the line being typed again, after a change of it.
  void refresh();

 private:
  void raw(bool on);
  void above_prompt(std::string_view line, bool dim);

  bool interactive_ = false;
  bool colours_ = false;
  int signal_fd_ = -1;
  termios before_{};
  LineEditor editor_;
  std::string partial_;  // of a line, when not interactive
};

}  // namespace cm::cli
