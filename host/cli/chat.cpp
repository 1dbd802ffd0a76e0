#include "cli/chat.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <random>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/command.hpp"
#include "cli/terminal.hpp"
#include "cli/text.hpp"

namespace cm::cli {
namespace {

using std::chrono::milliseconds;
using Clock = ChatClient::Clock;

constexpr milliseconds kGoodbye{1'000};
constexpr std::string_view kPrefix = "guest-";
constexpr std::size_t kLongestName = 26;

bool is_name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// One run of `cellmesh chat`: the terminal and the client around one poll().
class Chat final : public ChatView {
 public:
  Chat(ChatConfig config, milliseconds patience) : patience_(patience), client_(std::move(config), *this) {}

  int run() {
    client_.start();
    while (!done()) turn();
    if (signal_ != 0) return 128 + signal_;
    return verdict();
  }

  void on_online(const std::string& uid, const std::string& agent, const std::string& game) override {
    std::string text = was_online_ ? "back: " : "you are " + printable(uid) + ", ";
    text += "agent " + printable(agent) + ", game " + game;
    if (!was_online_) text += terminal_.interactive() ? "; type and press Enter, Ctrl-D leaves" : "";
    was_online_ = true;
    told_.clear();
    terminal_.show_note(text);
  }
  void on_chat(const std::string& content) override { terminal_.show_chat(printable(content)); }
  void on_notice(const std::string& sentence) override { terminal_.show_note(sentence); }
  void on_trouble(const std::string& sentence, std::optional<milliseconds> retry_in) override {
    if (!retry_in) return terminal_.show_note(printable(sentence) + "; `cellmesh chat` comes back");
    if (sentence == told_) return;  // at each retry it is the same
    told_ = sentence;
    terminal_.show_note(printable(sentence) + "; trying again");
  }

 private:
  // After the end of input, what was said must have come back, as long as anything moves. A person who leaves waits for
  // a moment only, and not at all without a connection.
  bool done() {
    if (signal_ != 0 || client_.state() == ChatClient::State::ended) return true;
    if (!std::cout) return true;  // nobody reads
    if (!input_ended_) return false;
    if (open_lines() == 0) return true;
    if (terminal_.interactive() && client_.state() != ChatClient::State::online) return true;
    return Clock::now() >= last_moment();
  }

  [[nodiscard]] std::size_t open_lines() const { return typed_.size() + client_.open_lines(); }

  [[nodiscard]] Clock::time_point last_moment() const {
    return progress_ + (terminal_.interactive() ? std::min(patience_, kGoodbye) : patience_);
  }

  void turn() {
    const bool wants_input = !input_ended_ && typed_.empty();
    std::array<pollfd, 3> fds{
        client_.interest(), {wants_input ? STDIN_FILENO : -1, POLLIN, 0}, {terminal_.signal_fd(), POLLIN, 0}};
    Clock::time_point until = client_.deadline();
    if (input_ended_) until = std::min(until, last_moment());
    const auto wait = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    const int rc = ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<milliseconds::rep>(wait, 0, 60'000)));
    if (rc < 0) {
      if (errno == EINTR) return;
      throw std::system_error(errno, std::generic_category(), "cannot wait for input");
    }
    if (fds[2].revents != 0) signal_ = terminal_.take_signal();
    const std::uint64_t echoed = client_.echoed();
    client_.step(fds[0].revents);
    if (client_.echoed() != echoed) progress_ = Clock::now();
    // After the connection: a line is not given to one that has just ended.
    if (fds[1].revents != 0) take_input();
    say_typed();
  }

  void take_input() {
    input_ended_ = !terminal_.read(typed_);
    progress_ = Clock::now();
  }

  // Hands over what was typed, as much as the client takes.
  void say_typed() {
    std::size_t said = 0;
    for (; said < typed_.size() && (client_.takes_lines() || terminal_.interactive()); ++said) say(typed_[said]);
    typed_.erase(typed_.begin(), typed_.begin() + static_cast<std::ptrdiff_t>(said));
  }

  void say(const std::string& line) {
    if (line.find_first_not_of(" \t") == std::string::npos) return;
    if (line.size() > ChatClient::kLongestLine) terminal_.show_note("the line is too long and was cut");
    const bool online = client_.state() == ChatClient::State::online;
    if (!client_.say(line)) return terminal_.show_note("too many lines wait already; not kept: " + printable(line));
    if (!online && terminal_.interactive()) terminal_.show_note("not connected, kept until it is: " + printable(line));
  }

  int verdict() {
    if (client_.state() == ChatClient::State::ended || !std::cout) return kFailed;
    if (terminal_.interactive()) {
      if (open_lines() > 0) {
        terminal_.show_note(std::to_string(open_lines()) + " of your lines did not come through");
      }
      return kOk;
    }
    const std::uint64_t failed = client_.lost() + open_lines();
    if (failed == 0) return kOk;
    terminal_.show_note(std::to_string(failed) + " of your lines did not come through" +
                        (client_.trouble().empty() ? "" : ": " + printable(client_.trouble())));
    return kFailed;
  }

  const milliseconds patience_;
  Terminal terminal_;
  ChatClient client_;
  bool was_online_ = false;
  bool input_ended_ = false;
  std::vector<std::string> typed_;  // and not taken by the client yet; no more is read before it is
  int signal_ = 0;
  std::string told_;  // the last trouble that was shown
  Clock::time_point progress_ = Clock::now();
};

}  // namespace

base::Status check_chat_name(const std::string& name) {
  std::string_view own = name;
  if (own.starts_with(kPrefix)) own.remove_prefix(kPrefix.size());  // as the login calls a guest
  if (own.empty() || own.size() > kLongestName || !std::all_of(own.begin(), own.end(), is_name_letter)) {
    return base::error("--name is \"" + printable(name) +
                       "\", and a guest's name is 1 to 26 of a-z, A-Z, 0-9, \"-\", \"_\" and \".\"");
  }
  return {};
}

std::string default_chat_name() {
  const char* user = std::getenv("USER");
  const passwd* entry = user == nullptr || *user == '\0' ? ::getpwuid(::geteuid()) : nullptr;
  if (entry != nullptr) user = entry->pw_name;
  const std::string number = "-" + std::to_string(1000 + std::random_device{}() % 9000);
  const std::string name = std::string(user != nullptr ? user : "").substr(0, kLongestName - number.size());
  return (check_chat_name(name).has_error() ? "player" : name) + number;
}

int run_chat(ChatConfig config, milliseconds patience) {
  const int code = Chat(std::move(config), patience).run();
  if (code > 128) ::raise(code - 128);  // as whoever waits for this process expects of a signal
  return code;
}

}  // namespace cm::cli
