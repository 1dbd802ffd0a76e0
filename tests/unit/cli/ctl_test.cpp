#include "cli/ctl.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "admin/server.hpp"
#include "cli/ctl_actions.hpp"

namespace cm::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::AllOf;
using testing::HasSubstr;

struct CtlTest : testing::Test {
  CtlTest() { fs::create_directories(dir); }
  ~CtlTest() override { fs::remove_all(dir); }

  std::unique_ptr<admin::Server> host(const std::string& file, const std::string& name) const {
    admin::Handlers handlers{{"status", [name](const json::object&, const admin::Done& done) {
                                done(json::value{{"host", name}});
                              }}};
    auto server = std::make_unique<admin::Server>(admin::ServerConfig{.path = dir / file}, std::move(handlers));
    const auto started = server->start();
    EXPECT_TRUE(started.has_value()) << started.error().text;
    return server;
  }
  std::string write(const std::string& text) const {
    std::ofstream(dir / "routes.json") << text;
    return dir / "routes.json";
  }

  static Arguments with(const std::string& flag, const std::string& value) {
    Arguments arguments;
    arguments.flags[flag] = value;
    return arguments;
  }
  // The args that the words become, or the refusal.
  static std::string args(const std::vector<std::string>& words, const Arguments& flags = {}) {
    const auto match = match_ctl_action(words);
    if (match.has_error()) return match.error().text;
    const auto made = match->action->args(std::span(words).subspan(match->taken), flags);
    return made.has_error() ? made.error().text : std::string(match->action->command) + json::serialize(*made);
  }
  static std::string show(const std::vector<std::string>& words, const char* result) {
    return match_ctl_action(words)->action->show(json::parse(result));
  }

  const fs::path dir = fs::temp_directory_path() / ("cm-ctl-" + std::to_string(::getpid()));
};

TEST_F(CtlTest, TheOnlyHostIsFound) {
  const auto one = host("1.sock", "0@dev");
  EXPECT_EQ(find_host("", {dir}).value(), dir / "1.sock");
}

TEST_F(CtlTest, TheHostThatIsNamedIsTaken) { EXPECT_EQ(find_host("/x.sock", {dir}).value(), "/x.sock"); }

TEST_F(CtlTest, OfSeveralHostsAllAreNamed) {
  const auto one = host("1.sock", "0@dev");
  const auto two = host("2.sock", "1@dev");
  EXPECT_THAT(
      find_host("", {dir}).error().text,
      AllOf(HasSubstr("several hosts run here"), HasSubstr("--admin-socket " + (dir / "1.sock").string() + "   0@dev"),
            HasSubstr("--admin-socket " + (dir / "2.sock").string() + "   1@dev")));
}

TEST_F(CtlTest, NoHostIsSaidWithHowToStartOne) {
  EXPECT_THAT(find_host("", {dir}).error().text, HasSubstr("`cellmesh host --dev`"));
}

TEST_F(CtlTest, AHostThatStoppedIsNotFound) {
  host("1.sock", "0@dev");
  EXPECT_TRUE(find_host("", {dir}).has_error());
}

TEST_F(CtlTest, WordsBecomeTheCommandsArguments) {
  EXPECT_EQ(args({"status"}), "status{}");
  EXPECT_EQ(args({"services", "game"}), R"(services{"kind":"game"})");
  EXPECT_EQ(args({"clients"}), "clients{}");
  EXPECT_EQ(args({"clients", "agent#0@dev"}, with("limit", "5")), R"(clients{"agent":"agent#0@dev","limit":5})");
  EXPECT_EQ(args({"settings", "get", "agent/"}), R"(settings.get{"prefix":"agent/"})");
  EXPECT_EQ(args({"settings", "set", "agent/heartbeat_sec", "5"}),
            R"(settings.set{"path":"agent/heartbeat_sec","value":"5"})");
  EXPECT_EQ(args({"settings", "set", "a/b", ""}, with("force", "true")),
            R"(settings.set{"path":"a/b","value":"","force":true})");
  EXPECT_EQ(args({"kick", "agent#0@dev/7", "be", "nice"}), R"(kick{"client":"agent#0@dev/7","text":"be nice"})");
  EXPECT_EQ(args({"load", "chat"}), R"(load{"name":"chat"})");
  EXPECT_EQ(args({"log", "debug"}), R"(log{"levels":"debug"})");
}

TEST_F(CtlTest, RoutesArePushedFromAFileOrByTheServicesName) {
  const std::string routes = R"({"service":"game","version":"1.0.0","rules":[{"id":1,"message":"A","mode":"auth"}]})";
  EXPECT_EQ(args({"routes", "push", write(routes)}), "routes.push" + routes);
  EXPECT_EQ(args({"routes", "push", write("[" + routes + "]")}), "routes.push" + routes)
      << "as `routes show` prints them";
  EXPECT_EQ(args({"routes", "push", "game"}), R"(routes.push{"service":"game"})");
  EXPECT_THAT(args({"routes", "push", "none.json"}), HasSubstr("there is no file none.json"));
  for (const std::string bad : {"", "[]", "{}", "nonsense", R"({"service":"game"})", "[1]"}) {
    EXPECT_THAT(args({"routes", "push", write(bad)}), HasSubstr("is not the routes of one service")) << bad;
  }
}

TEST_F(CtlTest, ABadLimitIsRefused) {
  for (const std::string bad : {"0", "-1", "x", "1x", ""}) {
    EXPECT_THAT(args({"clients"}, with("limit", bad)), HasSubstr("must be a number from 1 on")) << bad;
  }
}

TEST_F(CtlTest, AnUnknownWordIsAnsweredWithTheOneThatWasMeant) {
  EXPECT_EQ(args({"stauts"}), "there is no \"stauts\"; did you mean \"status\"?");
  EXPECT_EQ(args({"settings", "gte"}), "there is no \"settings gte\"; did you mean \"settings get\"?");
  EXPECT_EQ(args({"routes"}), "\"routes\" needs another word: \"routes show\" or \"routes push\"");
  EXPECT_THAT(args({"zebra"}), HasSubstr("`cellmesh help ctl` lists"));
}

TEST_F(CtlTest, RoutesAreShownOneALine) {
  EXPECT_EQ(
      show({"routes", "show"},
           R"([{"service":"game","version":"1.0.0","rules":[{"id":29052,"message":"proto.ChatREQ","mode":"auth"}]}])"),
      "SERVICE  VERSION     ID  MESSAGE        MODE\n"
      "game       1.0.0  29052  proto.ChatREQ  auth\n");
  EXPECT_EQ(show({"routes", "show"}, "[]"), "there are no routes yet\n");
}

TEST_F(CtlTest, SettingsAreShownWithWhatNeedsARestart) {
  const std::string out = show(
      {"settings", "get"},
      R"([{"path":"a/x","instance":"0@dev","value":"1","default":"1","restart":false,"running":null,"secret":false,"refused":null,"why":null,"help":"X."},
          {"path":"a/y","instance":"0@dev","value":"2","default":"1","restart":true,"running":null,"secret":false,"refused":null,"why":null,"help":"Y."},
          {"path":"a/z","instance":"0@dev","value":"3","default":"1","restart":true,"running":"2","secret":false,"refused":null,"why":null,"help":"Z."}])");
  EXPECT_THAT(out, HasSubstr("RESTART"));
  EXPECT_THAT(out, testing::ContainsRegex("a/x +1 +1 +at once"));
  EXPECT_THAT(out, testing::ContainsRegex("a/y +2 +1 +after restart"));
  EXPECT_THAT(out, testing::ContainsRegex("a/z +3 +1 +pending: runs with \"2\" until restart"));
  EXPECT_THAT(out, testing::Not(HasSubstr("SECRET")));
}

TEST_F(CtlTest, ClientsAreShownWithHowManyMoreThereAre) {
  EXPECT_EQ(show({"clients"}, R"({"total":2,"clients":[{"client":"agent#0@dev/1"}]})"),
            "CLIENT\nagent#0@dev/1\n1 of 2; --limit N shows more\n");
  EXPECT_EQ(show({"clients"}, R"({"total":0,"clients":[]})"), "no client is connected\n");
}

}  // namespace
}  // namespace cm::cli
