#include "cli/chat.hpp"

#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include <gmock/gmock.h>

#include "fake_mesh.hpp"

namespace cm::cli {
namespace {

using namespace std::chrono_literals;
using test::FakeMesh;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// `cellmesh chat` as a process of its own, on pipes or on a terminal.
class ChatProcess {
 public:
  struct Pipes {};
  struct Tty {};

  ChatProcess(const ChatConfig& config, Pipes) {
    int in[2], out[2], err[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) std::abort();
    std::fflush(nullptr);  // what is buffered must not be written twice
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::dup2(err[1], 2);
      ::close(in[1]);
      ::_exit(run_chat(config, 300ms));
    }
    for (const int fd : {in[0], out[1], err[1]}) ::close(fd);
    in_ = in[1];
    out_ = out[0];
    err_ = err[0];
  }
  ChatProcess(const ChatConfig& config, Tty) {
    pid_ = ::forkpty(&in_, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      ::setenv("TERM", "xterm", 1);
      ::_exit(run_chat(config, 300ms));
    }
    out_ = ::fcntl(in_, F_DUPFD_CLOEXEC, 0);
  }
  ~ChatProcess() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    end_of_input();
    for (const int fd : {out_, err_}) {
      if (fd >= 0) ::close(fd);
    }
  }
  ChatProcess(const ChatProcess&) = delete;
  ChatProcess& operator=(const ChatProcess&) = delete;

  void type(std::string_view text) const {
    EXPECT_EQ(::write(in_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void end_of_input() {
    if (in_ >= 0) ::close(std::exchange(in_, -1));
  }
  void signal(int number) const { ::kill(pid_, number); }

  // Reads what it says until that is in it; all that it said so far.
  std::string until(std::string_view wanted) { return read(out_, output_, wanted); }
  std::string until_error(std::string_view wanted) { return read(err_, errors_, wanted); }

  // Its exit code; 128 + the signal that ended it.
  int wait() {
    int status = 0;
    until("\x01 never");
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    if (err_ >= 0) until_error("\x01 never");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] const std::string& output() const { return output_; }
  [[nodiscard]] const std::string& errors() const { return errors_; }

 private:
  static std::string read(int fd, std::string& all, std::string_view wanted) {
    while (all.find(wanted) == std::string::npos) {
      pollfd p{fd, POLLIN, 0};
      if (::poll(&p, 1, 20'000) <= 0) return "<silent> " + all;
      std::array<char, 4096> chunk{};
      const ssize_t n = ::read(fd, chunk.data(), chunk.size());
      if (n <= 0) break;
      all.append(chunk.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  std::string output_, errors_;
};

struct ChatTest : testing::Test {
  ChatTest() {
    config.name = "ann";
    config.find_login = [address = mesh.login_address()] { return net::Address::parse(address); };
    config.first_retry = 1ms;
    config.longest_retry = 10ms;
  }
  // The process is made first: a fork takes no threads along.
  ChatProcess& piped() {
    running_.emplace(config, ChatProcess::Pipes{});
    mesh.start();
    return *running_;
  }
  ChatProcess& at_terminal() {
    running_.emplace(config, ChatProcess::Tty{});
    mesh.start();
    return *running_;
  }
  FakeMesh mesh;
  ChatConfig config;
  std::optional<ChatProcess> running_;
};

TEST_F(ChatTest, PipedLinesAreSentAndTheEndWaitsForTheLastOnesEcho) {
  ChatProcess& chat = piped();
  chat.type("one\n\n  \ntwo\r\nthree");
  chat.end_of_input();
  EXPECT_EQ(chat.wait(), 0);
  EXPECT_EQ(chat.output(), "ann: one\nann: two\nann: three\n");
  EXPECT_THAT(chat.errors(), HasSubstr("* you are ann, agent " + mesh.agent_address() + ", game game#0@dev"));
}

TEST_F(ChatTest, ManyPipedLinesAllComeThrough) {
  ChatProcess& chat = piped();
  std::string all, expected;
  for (int i = 0; i < 5000; ++i) {
    all += std::to_string(i) + "\n";
    expected += "ann: " + std::to_string(i) + "\n";
  }
  std::thread typing([&] {
    chat.type(all);
    chat.end_of_input();
  });
  EXPECT_EQ(chat.wait(), 0);
  typing.join();
  EXPECT_EQ(chat.output(), expected);
}

TEST_F(ChatTest, ALineTooLongIsCutAndSaidToBe) {
  ChatProcess& chat = piped();
  std::thread typing([&] {
    chat.type(std::string(200'000, 'x') + "\nshort\n");
    chat.end_of_input();
  });
  EXPECT_EQ(chat.wait(), 0);
  typing.join();
  EXPECT_EQ(chat.output(), "ann: " + std::string(ChatClient::kLongestLine, 'x') + "\nann: short\n");
  EXPECT_THAT(chat.errors(), HasSubstr("the line is too long and was cut"));
}

TEST_F(ChatTest, NothingToSayIsNoFailure) {
  ChatProcess& chat = piped();
  chat.end_of_input();
  EXPECT_EQ(chat.wait(), 0);
}

TEST_F(ChatTest, ALineThatDoesNotComeBackIsAFailure) {
  mesh.on_chat = [](int, std::uint16_t, const std::string&) {};
  ChatProcess& chat = piped();
  chat.type("one\n");
  chat.end_of_input();
  EXPECT_EQ(chat.wait(), 1);
  EXPECT_THAT(chat.errors(), HasSubstr("1 of your lines did not come through"));
}

TEST_F(ChatTest, NoLoginInTimeIsAFailureThatNamesTheCause) {
  config.find_login = [] { return base::Result<net::Address>(base::error("Consul is away")); };
  ChatProcess& chat = piped();
  chat.type("one\n");
  chat.end_of_input();
  EXPECT_EQ(chat.wait(), 1);
  EXPECT_THAT(chat.errors(), HasSubstr("1 of your lines did not come through: Consul is away"));
}

TEST_F(ChatTest, TheSameTroubleIsToldOnce) {
  config.find_login = [] { return base::Result<net::Address>(base::error("Consul is away")); };
  ChatProcess& chat = piped();
  chat.until_error("Consul is away");
  chat.end_of_input();
  EXPECT_EQ(chat.wait(), 0);
  EXPECT_EQ(chat.errors().find("Consul is away"), chat.errors().rfind("Consul is away"));
}

TEST_F(ChatTest, ConnectedAgainItSaysSoAndGoesOn) {
  mesh.on_chat = [this](int fd, std::uint16_t, const std::string& body) {
    if (mesh.chats == 1) return mesh.close(fd);
    mesh.echo(fd, body);
  };
  ChatProcess& chat = piped();
  chat.type("one\n");
  EXPECT_THAT(chat.until_error("* back: "), AllOf(HasSubstr("closed the connection"), HasSubstr("; trying again")));
  chat.type("two\n");
  chat.until("ann: two\n");
  chat.end_of_input();
  EXPECT_EQ(chat.wait(), 1) << "one was lost";
}

TEST_F(ChatTest, AKickEndsItWithItsReason) {
  mesh.on_chat = [this](int fd, std::uint16_t, const std::string&) {
    proto::NoticeACK notice;
    notice.set_code(proto::NoticeACK::Kicked);
    notice.set_text("be nice");
    mesh.send(fd, notice);
    mesh.close(fd);
  };
  ChatProcess& chat = piped();
  chat.type("one\n");
  EXPECT_EQ(chat.wait(), 1);
  EXPECT_THAT(chat.errors(), HasSubstr("you were kicked: be nice"));
}

TEST_F(ChatTest, WhatOthersSayCannotHarmTheTerminal) {
  ChatProcess& chat = piped();
  chat.type("\x1b[2J\n");
  chat.end_of_input();
  EXPECT_EQ(chat.wait(), 0);
  EXPECT_EQ(chat.output(), "ann: \\u001b[2J\n");
}

TEST_F(ChatTest, AtATerminalTheLineBeingTypedStaysBelowWhatArrives) {
  ChatProcess& chat = at_terminal();
  EXPECT_THAT(chat.until("Ctrl-D leaves"), HasSubstr("you are ann"));
  chat.type("helo\x7flo");
  chat.until("> hello");
  chat.type("\rnext");
  EXPECT_THAT(chat.until("ann: hello\r\n"), Not(HasSubstr("hello\r\nhello"))) << "no line twice";
  chat.until("> next");
}

TEST_F(ChatTest, AtATerminalControlDLeavesAndTheTerminalIsAsItWas) {
  ChatProcess& chat = at_terminal();
  chat.until("Ctrl-D leaves");
  chat.type("bye\r\x04");
  EXPECT_EQ(chat.wait(), 0);
  EXPECT_THAT(chat.output(), HasSubstr("ann: bye")) << "what was said before was still sent";
}

TEST_F(ChatTest, AtATerminalControlCEndsItAsASignalDoes) {
  ChatProcess& chat = at_terminal();
  chat.until("Ctrl-D leaves");
  chat.type("\x03");
  EXPECT_EQ(chat.wait(), 128 + SIGINT);
}

TEST_F(ChatTest, AtATerminalALineTypedWithoutConnectionIsSaidToBeKept) {
  config.find_login = [] { return base::Result<net::Address>(base::error("Consul is away")); };
  ChatProcess& chat = at_terminal();
  chat.until("Consul is away");
  chat.type("hello\r");
  chat.until("not connected, kept until it is: hello");
  chat.type("\x04");
  EXPECT_EQ(chat.wait(), 0);
  EXPECT_THAT(chat.output(), HasSubstr("1 of your lines did not come through"));
}

TEST(ChatName, IsWhatALoginTakesAsAGuests) {
  for (const std::string& good : {std::string("ann"), std::string("Ann_7.x-"), std::string("guest-ann"),
                                  std::string(26, 'x'), "guest-" + std::string(26, 'x')})
    EXPECT_TRUE(check_chat_name(good).has_value()) << good;
  for (const std::string& bad : {std::string(), std::string("a\nb"), std::string("J\u00fcrgen"), std::string("a b"),
                                 std::string(27, 'x'), std::string("guest-")}) {
    const auto checked = check_chat_name(bad);
    ASSERT_TRUE(checked.has_error()) << bad;
    EXPECT_THAT(checked.error().text, HasSubstr("1 to 26 of a-z, A-Z, 0-9"));
  }
}

TEST(ChatName, TheDefaultIsAGoodOneWhateverTheUserIsCalled) {
  const char* user = std::getenv("USER");
  const std::string before = user != nullptr ? user : "";
  for (const std::string& name : {std::string("ann"), std::string("j\u00f6rg"), std::string(40, 'x'), std::string()}) {
    ::setenv("USER", name.c_str(), 1);
    EXPECT_TRUE(check_chat_name(default_chat_name()).has_value()) << name << ": " << default_chat_name();
  }
  user != nullptr ? ::setenv("USER", before.c_str(), 1) : ::unsetenv("USER");
}

}  // namespace
}  // namespace cm::cli
