// `cellmesh chat`, as a player runs it.
#include <gtest/gtest.h>

#include "support/deployment.hpp"

namespace cm::test {
namespace {

// A chat whose standard input the test types.
class ChatProgram {
 public:
  ChatProgram(const std::string& name, std::vector<std::string> where)
      : process_({.command = command(name, std::move(where)), .env = {}, .folder = {}, .log = {}, .input = true}) {}

  void type(const std::string& line) { process_.write(line + "\n"); }
  [[nodiscard]] bool shows(const std::string& text, milliseconds bound = seconds(30)) {
    return process_.wait_for_output(text, bound);
  }
  [[nodiscard]] std::string output() const { return process_.output(); }
  // Ctrl-D.
  std::optional<int> leave() {
    process_.close_input();
    return process_.wait();
  }

 private:
  static std::vector<std::string> command(const std::string& name, std::vector<std::string> where) {
    std::vector<std::string> words{program().string(), "chat", "--name", name};
    words.insert(words.end(), where.begin(), where.end());
    return words;
  }
  Process process_;
};

TEST(ChatProgram, OneSeesWhatTheOtherTypes) {
  Deployment mesh(Shape::embedded);
  ChatProgram ann("ann", {"--login", mesh.login_address()});
  ChatProgram bob("bob", {"--login", mesh.login_address()});
  // Bob hears Ann once he is in: she repeats herself until he does.
  int line = 0;
  ASSERT_TRUE(wait_until([&] {
    ann.type("can you hear me? " + std::to_string(++line));
    return bob.shows("can you hear me?", milliseconds(200));
  })) << ann.output()
      << bob.output();
  bob.type("loud and clear");
  EXPECT_TRUE(ann.shows("loud and clear"));
  EXPECT_TRUE(ann.shows("guest-bob: loud and clear")) << "says who";
  EXPECT_TRUE(ann.shows("you are guest-ann, ")) << "and who one is oneself";
  EXPECT_EQ(ann.leave(), 0);
  EXPECT_EQ(bob.leave(), 0);
}

TEST(ChatProgram, FindsTheLoginThroughConsul) {
  Deployment mesh(Shape::consul);
  ChatProgram ann("ann", {"--consul", mesh.consul().url()});
  ann.type("found you");
  EXPECT_TRUE(ann.shows("found you")) << ann.output();
  EXPECT_EQ(ann.leave(), 0);
}

TEST(ChatProgram, ComesBackWhenTheGatewayDoes) {
  TempDir folder;
  const std::string port = std::to_string(free_port());
  Host host({.folder = folder.path(), .arguments = {"--dev", "--login-port", port, "--login-ws-port", "0"}, .env = {}});
  host.await_ready();
  ChatProgram ann("ann", {"--login", "127.0.0.1:" + port});
  ann.type("before");
  ASSERT_TRUE(ann.shows("before")) << ann.output();
  EXPECT_EQ(host.stop(), 0);
  host.start();
  host.await_ready();
  ann.type("after");
  EXPECT_TRUE(ann.shows("after")) << ann.output();
  EXPECT_EQ(ann.leave(), 0);
}

TEST(ChatProgram, ANameThatALoginDoesNotTakeIsRefusedWithTheRule) {
  ChatProgram player("\u674e", {"--login", "127.0.0.1:1"});
  EXPECT_EQ(player.leave(), 2);
  EXPECT_TRUE(player.shows("a guest's name is 1 to 26 of a-z")) << player.output();
}

TEST(ChatProgram, WithoutAGatewaySaysWhatIsWrongAndFails) {
  const std::string nowhere = "127.0.0.1:" + std::to_string(free_port());
  ChatProgram ann("ann", {"--login", nowhere});
  ann.type("anybody?");
  EXPECT_TRUE(ann.shows(nowhere)) << ann.output();
  EXPECT_EQ(ann.leave(), 1) << ann.output();
}

}  // namespace
}  // namespace cm::test
