// The `cellmesh` program at a shell: help, mistakes, one host and its control.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "support/deployment.hpp"

namespace cm::test {
namespace {

Finished cellmesh(std::vector<std::string> words, const std::map<std::string, std::string>& env = {}) {
  words.insert(words.begin(), program().string());
  auto finished = run({.command = std::move(words), .env = env, .folder = {}, .log = {}});
  if (!finished) throw std::runtime_error("cellmesh does not end");
  return std::move(*finished);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Program, HelpNamesEveryCommandAndSucceeds) {
  const auto help = cellmesh({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const std::string command : {"host", "chat", "ctl", "manifest"}) {
    EXPECT_TRUE(has(help.output, command)) << help.output;
    const auto one = cellmesh({command, "--help"});
    EXPECT_EQ(one.code, 0);
    EXPECT_GT(one.output.size(), 200U) << one.output;
  }
}

TEST(Program, MistakesAreUsageErrorsWithTheCure) {
  EXPECT_EQ(cellmesh({}).code, 2);
  const auto command = cellmesh({"hots"});
  EXPECT_EQ(command.code, 2);
  EXPECT_TRUE(has(command.output, "host")) << command.output;
  const auto flag = cellmesh({"host", "--consull", "x"});
  EXPECT_EQ(flag.code, 2);
  EXPECT_TRUE(has(flag.output, "--consul")) << flag.output;
  const auto lonely = cellmesh({"host"});
  EXPECT_NE(lonely.code, 0);
  EXPECT_TRUE(has(lonely.output, "--dev")) << lonely.output;
}

TEST(Program, ManifestOfAPluginIsReadWithoutRunningIt) {
  const auto text = cellmesh({"manifest", (shipped_plugins() / "social.so").string()});
  EXPECT_EQ(text.code, 0);
  EXPECT_TRUE(has(text.output, "proto.ChatREQ")) << text.output;
  const auto json = cellmesh({"manifest", "--json", (shipped_plugins() / "echo.so").string()});
  ASSERT_EQ(json.code, 0);
  EXPECT_EQ(boost::json::parse(json.output).at("name").as_string(), "echo");
  const auto none = cellmesh({"manifest", program().string()});
  EXPECT_EQ(none.code, 1);
  EXPECT_GT(none.output.size(), 20U);
}

class OneHost : public testing::Test {
 protected:
  static void SetUpTestSuite() { mesh_ = new Deployment(Shape::embedded); }
  static void TearDownTestSuite() {
    delete mesh_;
    mesh_ = nullptr;
  }
  [[nodiscard]] static Host& host() { return mesh_->host("agent"); }
  [[nodiscard]] static Finished ctl(std::vector<std::string> words) {
    words.insert(words.begin(), {"ctl", "--admin-socket", host().admin_socket().string()});
    return cellmesh(std::move(words));
  }
  static Deployment* mesh_;
};
Deployment* OneHost::mesh_ = nullptr;

TEST_F(OneHost, CtlShowsTablesToPeople) {
  Client player = mesh_->player();
  for (const auto& [words, part] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{{{"status"}, "0@dev"},
                                                                     {{"services"}, "agent#0@dev"},
                                                                     {{"clients"}, player.local_address()},
                                                                     {{"plugins"}, "game"},
                                                                     {{"settings", "get"}, "agent/heartbeat_sec"},
                                                                     {{"routes", "show"}, "proto.ChatREQ"}}) {
    const auto shown = ctl(words);
    EXPECT_EQ(shown.code, 0);
    EXPECT_TRUE(has(shown.output, part)) << shown.output;
    EXPECT_FALSE(has(shown.output, "{\"")) << shown.output;
  }
}

TEST_F(OneHost, CtlPrintsJsonForPrograms) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"status"}, {"services"}, {"links"}, {"clients"}, {"plugins"}, {"settings", "get"}, {"routes", "show"}}) {
    const auto result = host().ctl(words);
    EXPECT_EQ(result.code, 0);
    EXPECT_FALSE(result.json.is_null()) << result.output;
  }
  EXPECT_EQ(host().query({"plugins"}).as_array().size(), 8U);
}

TEST_F(OneHost, CtlRefusesWithASentence) {
  EXPECT_EQ(ctl({"stauts"}).code, 2);
  EXPECT_TRUE(has(ctl({"stauts"}).output, "status"));
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"kick", "agent#0@dev/nobody"},
                                                                                     {"kick", "agent#9@dev/1"},
                                                                                     {"load", "nothing_of_that_name"},
                                                                                     {"unload", "nothing_of_that_name"},
                                                                                     {"log", "loud"}}) {
    const auto refused = ctl(words);
    EXPECT_EQ(refused.code, 1) << refused.output;
    EXPECT_GT(refused.output.size(), 20U);
  }
}

TEST_F(OneHost, PluginIsUnloadedAndLoadedByHand) {
  ASSERT_EQ(ctl({"unload", "echo"}).code, 0);
  EXPECT_FALSE(has(ctl({"services"}).output, "echo#0@dev"));
  ASSERT_EQ(ctl({"load", "echo"}).code, 0);
  EXPECT_TRUE(has(ctl({"services"}).output, "echo#0@dev"));
  mesh_->await_serving();
}

TEST(OnlyHost, IsFoundByCtlWithoutBeingNamed) {
  TempDir folder;
  const std::map<std::string, std::string> env{{"XDG_RUNTIME_DIR", folder.path().string()}};
  const auto nobody = cellmesh({"ctl", "status"}, env);
  Process host({.command = {program().string(), "host", "--dev", "--login-port", "0", "--ready-file",
                            (folder / "ready").string()},
                .env = env,
                .folder = {},
                .log = folder / "log"});
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(folder / "ready"); })) << host.output();
  const auto found = cellmesh({"ctl", "status"}, env);
  // Another host of this user, outside this test, is found as well: then both are named.
  if (nobody.code == 1 && !has(nobody.output, "--admin-socket /")) {
    EXPECT_EQ(found.code, 0) << found.output;
  }
  EXPECT_TRUE(has(found.output, "0@dev")) << found.output;
  host.terminate();
  EXPECT_EQ(host.wait(), 0);
}

TEST(OnlyHost, StopsCleanlyOnSigterm) {
  Deployment mesh(Shape::embedded);
  Client player = mesh.player();
  Host& host = mesh.host("agent");
  EXPECT_EQ(host.stop(), 0) << tail(host.log());
  const auto notice = player.expect_close();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->code(), proto::NoticeACK::GoingDown);
  EXPECT_FALSE(std::filesystem::exists(host.admin_socket()));
}

TEST(OnlyHost, SaysWhichPortIsTaken) {
  TempDir folder;
  Deployment mesh(Shape::embedded);
  const std::string address = mesh.login_address();
  const std::string port = address.substr(address.rfind(':') + 1);
  Host second(
      {.folder = folder.path(), .arguments = {"--dev", "--login-port", port, "--login-ws-port", "0"}, .env = {}});
  EXPECT_TRUE(second.wait_for_log(port)) << second.log();
  EXPECT_TRUE(second.wait_for_log("in use")) << second.log();
}

}  // namespace
}  // namespace cm::test
