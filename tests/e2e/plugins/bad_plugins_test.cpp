// Plugins that cannot work are refused with cause and cure, those that fail are contained; the host goes on.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "cellmesh/abi/version.h"
#include "support/deployment.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;
using proto::NoticeACK;

// A host with the shipped plugins in a folder of its own, and a player.
class BadPlugins : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDir;
    copy_plugins(folder_->path());
    mesh_ = new Deployment(Shape::embedded, {.plugin_dir = folder_->path(), .arguments = {}, .env = {}});
  }
  static void TearDownTestSuite() {
    delete mesh_;
    delete folder_;
    mesh_ = nullptr;
    folder_ = nullptr;
  }
  void TearDown() override {
    ASSERT_TRUE(host().process().running()) << tail(host().log());
    Client player = mesh_->player();
    chat(player, "the host goes on");
  }

  [[nodiscard]] static Host& host() { return mesh_->host("game"); }
  // Drops a file into the plugin folder, as a person would.
  static void drop(const std::string& name, const std::string& content) {
    write_file(folder_->path() / (name + ".so"), content);
  }
  static std::string shipped(const std::string& name) { return read_file(shipped_plugins() / (name + ".so")); }
  static std::string made_for_tests(const std::string& name) { return read_file(test_plugins() / (name + ".so")); }

  // It is refused in the log when it is dropped, and to who loads it by hand, with a sentence that has these parts.
  static void expect_refused(const std::string& name, const std::string& content,
                             const std::vector<std::string>& parts) {
    const auto offset = host().process().output_size();
    drop(name, content);
    EXPECT_TRUE(host().wait_for_log(name, seconds(20), offset)) << "not a word about " << name;
    const auto by_hand = host().ctl({"load", name});
    EXPECT_EQ(by_hand.code, 1) << by_hand.output;
    for (const auto& part : parts) {
      EXPECT_NE(by_hand.output.find(part), std::string::npos) << "no '" << part << "' in: " << by_hand.output;
    }
    EXPECT_EQ(boost::json::serialize(host().query({"services"})).find(name + "#"), std::string::npos);
    fs::remove(folder_->path() / (name + ".so"));
  }

  static TempDir* folder_;
  static Deployment* mesh_;
};
TempDir* BadPlugins::folder_ = nullptr;
Deployment* BadPlugins::mesh_ = nullptr;

TEST_F(BadPlugins, FileThatIsNoLibraryIsRefused) {
  expect_refused("letter", "Dear host,\nplease load me.\n", {"letter.so", ";"});
  expect_refused("nothing", "", {"nothing.so", ";"});
}

TEST_F(BadPlugins, LibraryThatIsNoPluginIsRefused) {
  expect_refused("program", read_file(program()), {"program.so", ";"});
}

TEST_F(BadPlugins, TruncatedPluginIsRefused) {
  const std::string whole = shipped("echo");
  for (const std::size_t size :
       {std::size_t{3}, std::size_t{40}, std::size_t{64}, std::size_t{4096}, whole.size() / 2, whole.size() - 1}) {
    expect_refused("torn", whole.substr(0, size), {"torn.so"});
  }
}

TEST_F(BadPlugins, PluginOfAnotherAbiIsRefused) {
  // abi_major 1, followed by abi_minor and the text field sdk_version.
  const std::string was = {'\x20', '\x01', '\x28', CM_ABI_MINOR, '\x32'};
  std::string content = shipped("echo");
  const auto place = content.find(was);
  ASSERT_NE(place, std::string::npos);
  ASSERT_EQ(content.find(was, place + 1), std::string::npos) << "ambiguous";
  content[place + 1] = 99;
  expect_refused("stranger", content, {"99", "ABI", ";"});
}

TEST_F(BadPlugins, PluginWithAnIdOfAnotherIsRefused) {
  expect_refused("thief", made_for_tests("thief"), {"29052", "proto.ChatREQ", "bad.StealREQ", ";"});
  Client player = mesh_->player();
  chat(player, "the game has its messages");
}

TEST_F(BadPlugins, PluginWithAKindThatIsUpIsRefused) { expect_refused("echo_again", shipped("echo"), {"echo", ";"}); }

TEST_F(BadPlugins, ThrowingConstructorRefusesThePlugin) {
  expect_refused("throws_in_constructor", made_for_tests("throws_in_constructor"), {"there is no database"});
}

TEST_F(BadPlugins, ThrowingStartRefusesThePlugin) {
  expect_refused("throws_in_start", made_for_tests("throws_in_start"), {"there is no level one"});
}

TEST(BadPluginAtTheStart, KeepsTheHostFromBeingReadyUntilItIsGone) {
  const TempDir folder;
  const auto plugins = folder.path() / "plugins";
  copy_plugins(plugins, {"echo"});
  write_file(plugins / "letter.so", "Dear host,\nplease load me.\n");
  Host host({.folder = folder.path() / "host", .arguments = {"--dev"}, .plugin_dir = plugins, .env = {}});
  EXPECT_TRUE(host.wait_for_log("not ready: plugin letter is refused")) << host.log();
  EXPECT_EQ(host.ctl({"status"}).code, 1);
  EXPECT_FALSE(host.ready());
  fs::remove(plugins / "letter.so");
  host.await_ready();
  EXPECT_EQ(host.stop(), 0);
}

TEST_F(BadPlugins, WhatThrowsInEveryHookIsContained) {
  const auto offset = host().process().output_size();
  drop("thrower", made_for_tests("thrower"));
  ASSERT_TRUE(wait_until([] {
    return boost::json::serialize(host().query({"services"})).find("thrower#0@dev") != std::string::npos;
  })) << tail(host().log());

  const auto id = message_id("badThrowREQ");
  for (int i = 0; i < 50; ++i) {
    Client player = mesh_->player();
    player.send(id, "");
    const auto notice = player.expect_notice(NoticeACK::MessageFailed);
    EXPECT_EQ(notice.msg_id(), id);
    chat(player, "still here " + std::to_string(i));
  }
  (void)host().query({"settings", "set", "thrower/loudness", "2"});
  for (const std::string what : {"thrown by on ThrowREQ", "thrown by on_timer", "thrown by on_client_closed",
                                 "thrown by on_settings", "thrown by on_answer"}) {
    EXPECT_TRUE(host().wait_for_log(what, seconds(20), offset)) << what;
  }
  EXPECT_EQ(host().ctl({"unload", "thrower"}).code, 0);
  EXPECT_TRUE(host().wait_for_log("thrown by stop", seconds(20), offset));
  fs::remove(folder_->path() / "thrower.so");
}

}  // namespace
}  // namespace cm::test
