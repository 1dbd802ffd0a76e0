// Somebody else's plugin, built outside this tree against what is installed, joins a running mesh.
#include <gtest/gtest.h>

#include <cellmesh/abi/types.h>

#include <boost/json.hpp>
#include <filesystem>
#include <optional>

#include "e2e/plugins/outside.hpp"
#include "echo_c.pb.h"
#include "support/deployment.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;

TEST(DropIn, PluginOfAThirdPartyAnswersAClientAfterOneKvWrite) {
  TempDir folder;
  // What they do: an installed cellmesh, a folder with three files, CMake.
  install_to(folder / "prefix");
  fs::copy(CM_E2E_THIRD_PARTY, folder / "greeter", fs::copy_options::recursive);
  must_run({"cmake", "-S", (folder / "greeter").string(), "-B", (folder / "build").string(), "-G", "Ninja",
            "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_PREFIX_PATH=" + (folder / "prefix").string()});
  must_run({"cmake", "--build", (folder / "build").string()});
  const fs::path built = folder / "build" / "plugins" / "greeter.so";
  ASSERT_TRUE(fs::exists(built));

  // A mesh that runs, one host of it with nothing to do yet.
  const fs::path plugins = folder / "plugins";
  copy_plugins(plugins);
  Deployment::Options options;
  options.plugin_dir = plugins;
  options.settings = {{"agent/max_refused", "1000000"}};  // a player asks until the plugin is there
  Deployment mesh(Shape::consul, options);
  Host& host = mesh.add_host("extra", {"--index", "3"});
  ASSERT_TRUE(wait_until([&] { return mesh.consul().kv_get("cellmesh/hosts/3@dev/plugins").has_value(); }));
  Client player = mesh.player();

  fs::copy(built, plugins / "greeter.so");
  mesh.consul().kv_put("cellmesh/hosts/3@dev/plugins", "greeter");

  std::string answer;
  ASSERT_TRUE(wait_until([&] {
    answer = greeting(player, "demoGreet", "Ann");
    return answer.starts_with("Hello, Ann, for the ");
  })) << answer
      << tail(host.log());
  EXPECT_EQ(greeting(player, "demoGreet", "Ann"), "Hello, Ann, for the 2. time");
  EXPECT_EQ(mesh.consul().kv_get("cellmesh/config/greeter/greeting"), "Hello");
  mesh.consul().kv_put("cellmesh/config/greeter/greeting", "Ahoy");
  EXPECT_TRUE(wait_until([&] { return greeting(player, "demoGreet", "Ann").starts_with("Ahoy"); }));
}

TEST(DropIn, PluginCopiedIntoTheFolderOfADevHostServesAtOnce) {
  TempDir folder;
  copy_plugins(folder.path(), {"agent", "data", "game", "hub", "login", "social"});
  Deployment mesh(Shape::embedded, {.plugin_dir = folder.path(), .arguments = {}, .env = {}, .await = false});
  std::optional<Client> player;
  ASSERT_TRUE(wait_until([&] {
    try {
      player.emplace(mesh.player());
      return true;
    } catch (const std::exception&) {
      return false;  // game has no data yet
    }
  }));
  copy_plugins(folder.path(), {"echo"});
  mesh.await_serving();  // echo among it
  chat(*player, "who was there stays");
}

TEST(DropIn, PluginInCAnswersAClient) {
  Deployment mesh(Shape::embedded);
  Client player = mesh.player();
  proto::EchoCREQ req;
  req.set_content("in C");
  proto::EchoCACK ack;
  ASSERT_TRUE(wait_until([&] {
    player.send(req);
    const auto frame = player.read();
    return frame && frame->is<proto::EchoCACK>() && (ack = frame->as<proto::EchoCACK>()).content() == "in C";
  })) << tail(mesh.host("echo_c").log());
  const auto before = ack.answered();
  req.set_content(std::string(CM_MAX_CLIENT_BODY - 20, 'x'));
  player.send(req);
  ack = player.expect<proto::EchoCACK>();
  EXPECT_EQ(ack.content(), req.content());
  EXPECT_EQ(ack.answered(), before + 1);
  player.send(message_id("protoEchoCREQ"), "\x0a\x7f");
  EXPECT_EQ(player.expect_notice(proto::NoticeACK::MessageMalformed).msg_id(), message_id("protoEchoCREQ"));
}

}  // namespace
}  // namespace cm::test
