#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "cli/chat_client.hpp"
#include "cli/text.hpp"

namespace cm::cli {
namespace {

constexpr std::size_t kMostOfALine = ChatClient::kLongestLine + 1;  // one more: seen to be too long
constexpr std::string_view kPrompt = "> ";
constexpr std::string_view kClearLine = "\r\x1b[K";

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}) sigaddset(&set, signal);
  return set;
}

bool obeys_escapes() {
  const char* term = std::getenv("TERM");
  return term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

std::size_t columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Terminal::Terminal() {
  interactive_ = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && obeys_escapes() &&
                 ::tcgetattr(STDIN_FILENO, &before_) == 0;
  if (!interactive_) return;
  colours_ = std::getenv("NO_COLOR") == nullptr;
  const sigset_t signals = handled_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal_fd_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  raw(true);
  refresh();
}

Terminal::~Terminal() {
  if (!interactive_) return;
  std::cout << kClearLine << std::flush;
  raw(false);
  ::close(signal_fd_);
  const sigset_t signals = handled_signals();
  ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
}

bool Terminal::read(std::vector<std::string>& lines) {
  std::array<char, 16384> chunk;  // NOLINT: filled by read
  const ssize_t n = ::read(STDIN_FILENO, chunk.data(), chunk.size());
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  std::string_view bytes(chunk.data(), static_cast<std::size_t>(n));
  if (interactive_) {
    const bool ended = n == 0 || editor_.feed(bytes, lines);
    refresh();
    return !ended;
  }
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    // A line longer than any that can be sent is cut, not kept whole in memory.
    partial_ += bytes.substr(0, std::min(end, kMostOfALine - std::min(partial_.size(), kMostOfALine)));
    if (end == std::string_view::npos) break;
    if (partial_.ends_with('\r')) partial_.pop_back();
    lines.push_back(std::move(partial_));
    partial_.clear();
    bytes.remove_prefix(end + 1);
  }
  if (n == 0 && !partial_.empty()) lines.push_back(std::move(partial_));
  return n != 0;
}

int Terminal::take_signal() {
  signalfd_siginfo info{};
  if (::read(signal_fd_, &info, sizeof info) != sizeof info) return 0;
  const int signal = static_cast<int>(info.ssi_signo);
  if (signal == SIGTSTP) {
    std::cout << kClearLine << std::flush;
    raw(false);
    ::raise(SIGSTOP);
    raw(true);
  }
  if (signal == SIGTSTP || signal == SIGWINCH) {
    refresh();
    return 0;
  }
  return signal;
}

void Terminal::show_chat(std::string_view line) {
  if (interactive_) return above_prompt(line, false);
  std::cout << line << '\n' << std::flush;
}

void Terminal::show_note(std::string_view line) {
  if (interactive_) return above_prompt("* " + std::string(line), colours_);
  std::cerr << "* " << line << std::endl;
}

void Terminal::refresh() {
  if (!interactive_) return;
  const std::string text = printable(editor_.text());
  const std::size_t width = columns();
  const std::size_t room = width > kPrompt.size() + 1 ? width - kPrompt.size() - 1 : 0;
  std::cout << kClearLine << kPrompt << fitting_end(text, room) << std::flush;
}

void Terminal::above_prompt(std::string_view line, bool dim) {
  std::cout << kClearLine << (dim ? "\x1b[2m" : "") << line << (dim ? "\x1b[0m" : "") << '\n';
  refresh();
}

void Terminal::raw(bool on) {
  termios mode = before_;
  if (on) {
    mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // signals and line ends stay as they are
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
  }
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
}

}  // namespace cm::cli
