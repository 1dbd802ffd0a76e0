#include "admin/server.hpp"

#include <sys/stat.h>

#include <fstream>
#include <future>
#include <optional>
#include <stdexcept>

#include <gmock/gmock.h>

#include "admin/client.hpp"
#include "raw_client.hpp"

namespace cm::admin {
namespace {

namespace json = boost::json;
using test::RawClient;
using test::TempDir;
using testing::HasSubstr;

struct ServerTest : testing::Test {
  void start(ServerConfig config = {}) {
    config.path = path();
    server.emplace(std::move(config), handlers);
    const auto started = server->start();
    ASSERT_TRUE(started.has_value()) << started.error().text;
  }
  [[nodiscard]] std::string path() const { return dir.file("1.sock"); }

  TempDir dir;
  Handlers handlers{
      {"echo", [](const json::object& args, const Done& done) { done(json::value(args)); }},
      {"refuse", [](const json::object&, const Done& done) { done(base::error("no; ask for something else")); }},
      {"throw", [](const json::object&, const Done&) { throw std::runtime_error("out of luck"); }},
      {"huge", [](const json::object&, const Done& done) { done(json::value(std::string(4U << 20U, 'x'))); }},
      {"later", [this](const json::object&, const Done& done) { later.set_value(done); }},
  };
  std::promise<Done> later;
  std::optional<Server> server;
};

TEST_F(ServerTest, ACommandIsAnsweredWithItsResult) {
  start();
  RawClient client(path());
  client.send("{\"command\":\"echo\",\"args\":{\"a\":1}}\n");
  EXPECT_EQ(client.line(), R"({"ok":true,"result":{"a":1}})");
}

TEST_F(ServerTest, ArgumentsMayBeLeftOut) {
  start();
  RawClient client(path());
  client.send("{\"command\":\"echo\"}\r\n\n");
  EXPECT_EQ(client.line(), R"({"ok":true,"result":{}})");
}

TEST_F(ServerTest, ARefusalIsItsSentence) {
  start();
  RawClient client(path());
  client.send("{\"command\":\"refuse\"}\n");
  EXPECT_EQ(client.line(), R"({"ok":false,"error":"no; ask for something else"})");
}

TEST_F(ServerTest, RequestsOfOneConnectionAreAnsweredInOrder) {
  start();
  RawClient client(path());
  std::string all;
  for (int i = 0; i < 100; ++i) all += R"({"command":"echo","args":{"n":)" + std::to_string(i) + "}}\n";
  client.send(all);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.line(), R"({"ok":true,"result":{"n":)" + std::to_string(i) + "}}");
}

TEST_F(ServerTest, ALastLineWithoutItsEndIsARequest) {
  start();
  RawClient client(path());
  client.send(R"({"command":"echo"})");
  client.end_of_input();
  EXPECT_EQ(client.line(), R"({"ok":true,"result":{}})");
  EXPECT_EQ(client.line(), "<closed>");
}

TEST_F(ServerTest, AnAnswerMayComeFromAnotherThread) {
  start();
  RawClient client(path());
  client.send("{\"command\":\"later\"}\n");
  Done done = later.get_future().get();
  std::thread([&] { done(json::value("here")); }).join();
  EXPECT_EQ(client.line(), R"({"ok":true,"result":"here"})");
}

TEST_F(ServerTest, OnlyTheFirstAnswerCounts) {
  start();
  RawClient client(path());
  client.send("{\"command\":\"later\"}\n{\"command\":\"echo\"}\n");
  const Done done = later.get_future().get();
  done(json::value(1));
  done(json::value(2));
  EXPECT_EQ(client.line(), R"({"ok":true,"result":1})");
  EXPECT_EQ(client.line(), R"({"ok":true,"result":{}})");
}

TEST_F(ServerTest, GarbageIsRefusedWithWhatIsWantedAndTheConnectionGoesOn) {
  start();
  RawClient client(path());
  for (const std::string_view garbage : {"hello", "[]", "{}", "{\"command\":7}", "{\"command\":\"echo\",\"args\":[]}",
                                         "{\"command\":", "\x01\xff\xfe", "null"}) {
    client.send(garbage);
    client.send("\n");
    EXPECT_THAT(client.line(), HasSubstr("send one object a line")) << garbage;
  }
  client.send(std::string(1000, '[') + "\n");
  EXPECT_THAT(client.line(), HasSubstr("is no JSON"));
  client.send("{\"command\":\"echo\"}\n");
  EXPECT_EQ(client.line(), R"({"ok":true,"result":{}})");
}

TEST_F(ServerTest, AnUnknownCommandIsAnsweredWithTheOneThatWasMeant) {
  start();
  RawClient client(path());
  client.send("{\"command\":\"ehco\"}\n{\"command\":\"zebra\"}\n");
  EXPECT_THAT(client.line(), HasSubstr("did you mean \\\"echo\\\"?"));
  EXPECT_THAT(client.line(), HasSubstr("lists them"));
}

TEST_F(ServerTest, AnOversizeLineIsRefusedAndTheConnectionClosed) {
  start({.path = {}, .max_line = 1000});
  RawClient longest(path());
  longest.send(R"({"command":"echo"})" + std::string(1000 - 18, ' ') + "\n");
  EXPECT_EQ(longest.line(), R"({"ok":true,"result":{}})");
  RawClient client(path());
  client.send(std::string(5000, ' '));
  EXPECT_THAT(client.line(), HasSubstr("longer than 1000 bytes"));
  EXPECT_EQ(client.line(), "<closed>");
}

TEST_F(ServerTest, TooManyConnectionsAreToldSoAndAFreedPlaceIsUsedAgain) {
  start({.path = {}, .max_connections = 2});
  RawClient first(path());
  first.send("{\"command\":\"echo\"}\n");
  EXPECT_THAT(first.line(), HasSubstr("true"));
  {
    RawClient second(path());
    second.send("{\"command\":\"echo\"}\n");
    EXPECT_THAT(second.line(), HasSubstr("true"));
    RawClient third(path());
    EXPECT_THAT(third.line(), HasSubstr("too many connections"));
    EXPECT_EQ(third.line(), "<closed>");
  }
  // The server learns of the end of `second` in its own time.
  std::string answer = "too many";
  for (int i = 0; i < 1000 && answer.find("too many") != std::string::npos; ++i) {
    RawClient again(path());
    again.send("{\"command\":\"echo\"}\n");
    answer = again.line();
  }
  EXPECT_THAT(answer, HasSubstr("true"));
}

TEST_F(ServerTest, ASilentConnectionIsClosed) {
  start({.path = {}, .idle_timeout = std::chrono::milliseconds(50)});
  RawClient client(path());
  client.send("{\"comm");
  EXPECT_EQ(client.line(), "<closed>");
}

TEST_F(ServerTest, ACommandThatDoesNotAnswerIsGivenUpAndItsLateAnswerIgnored) {
  start({.path = {}, .command_timeout = std::chrono::milliseconds(50)});
  RawClient client(path());
  client.send("{\"command\":\"later\"}\n");
  EXPECT_THAT(client.line(), HasSubstr("no answer within"));
  later.get_future().get()(json::value("late"));
  client.send("{\"command\":\"echo\"}\n");
  EXPECT_EQ(client.line(), R"({"ok":true,"result":{}})");
}

TEST_F(ServerTest, AClientThatDoesNotReadIsClosed) {
  start({.path = {}, .max_connections = 1, .write_timeout = std::chrono::milliseconds(50)});
  RawClient deaf(path());
  deaf.send("{\"command\":\"huge\"}\n");
  std::string answer;
  for (int i = 0; i < 10'000 && answer.find("true") == std::string::npos; ++i) {
    RawClient other(path());
    other.send("{\"command\":\"echo\"}\n");
    answer = other.line();
  }
  EXPECT_THAT(answer, HasSubstr("true"));
}

TEST_F(ServerTest, ACommandThatThrowsIsAnError) {
  start();
  RawClient client(path());
  client.send("{\"command\":\"throw\"}\n");
  EXPECT_THAT(client.line(), HasSubstr("the command failed: out of luck"));
}

TEST_F(ServerTest, TheSocketIsClosedToOthersAndGoneAfterStop) {
  start();
  struct stat info {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  server->stop();
  EXPECT_NE(::stat(path().c_str(), &info), 0);
}

TEST_F(ServerTest, AnAnswerAfterTheStopIsHarmless) {
  start();
  RawClient client(path());
  client.send("{\"command\":\"later\"}\n");
  const Done done = later.get_future().get();
  server.reset();
  done(json::value("late"));
  EXPECT_EQ(client.line(), "<closed>");
}

TEST_F(ServerTest, ADeadHostsSocketIsReplaced) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = test::unix_address(path());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  start();
  EXPECT_TRUE(ask(path(), "echo", {}).has_value());
}

TEST_F(ServerTest, ALivingHostsSocketIsNotTaken) {
  start();
  Server second({.path = path()}, handlers);
  const auto started = second.start();
  ASSERT_TRUE(started.has_error());
  EXPECT_THAT(started.error().text, HasSubstr("another host listens"));
  second.stop();
  EXPECT_TRUE(ask(path(), "echo", {}).has_value());
}

TEST_F(ServerTest, AFileThatIsNoSocketIsNotTaken) {
  std::ofstream(path()) << "precious";
  Server server2({.path = path()}, handlers);
  const auto started = server2.start();
  ASSERT_TRUE(started.has_error());
  EXPECT_THAT(started.error().text, HasSubstr("is no socket"));
}

TEST_F(ServerTest, APathTooLongForASocketIsRefused) {
  Server server2({.path = dir.file(std::string(200, 'x'))}, handlers);
  EXPECT_THAT(server2.start().error().text, HasSubstr("choose a shorter one"));
}

TEST_F(ServerTest, AMissingDirectoryIsRefusedWithTheCure) {
  Server server2({.path = dir.file("no/such.sock")}, handlers);
  EXPECT_THAT(server2.start().error().text, HasSubstr("--admin-socket"));
}

// What `ask` makes of it.

TEST_F(ServerTest, AskReturnsTheResultOrTheHostsSentence) {
  start();
  EXPECT_EQ(ask(path(), "echo", {{"a", "b"}}).value(), (json::value{{"a", "b"}}));
  EXPECT_EQ(ask(path(), "refuse", {}).error().text, "no; ask for something else");
  EXPECT_EQ(ask(path(), "huge", {}).value().as_string().size(), 4U << 20U);
}

TEST_F(ServerTest, AskGivesUpInTime) {
  start();
  EXPECT_THAT(ask(path(), "later", {}, std::chrono::milliseconds(50)).error().text, HasSubstr("did not answer within"));
}

TEST_F(ServerTest, AskSaysHowToGetAHostWhenThereIsNone) {
  EXPECT_THAT(ask(path(), "echo", {}).error().text, HasSubstr("start one with `cellmesh host`"));
}

TEST_F(ServerTest, AskReadsTheRefusalOfAnOversizeRequest) {
  start({.path = {}, .max_line = 1000});
  EXPECT_THAT(ask(path(), "echo", {{"a", std::string(1U << 20U, 'a')}}).error().text,
              HasSubstr("longer than 1000 bytes"));
}

}  // namespace
}  // namespace cm::admin
