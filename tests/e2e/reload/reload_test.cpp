// A plugin's code is replaced while players use it.
#include <gmock/gmock.h>

#include <atomic>
#include <boost/json.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/sanitizer.hpp"
#include "e2e/fixture.hpp"
#include "e2e/reload/traffic.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A dev host with a keeper in its plugin folder.
struct Stage {
  Stage() {
    copy_plugins(plugins_);
    put("keeper_v1");
    mesh_.emplace(Shape::embedded, with_every_transport({.plugin_dir = plugins_, .arguments = {}, .env = {}}));
  }
  // Puts a build of the keeper in the place of the one in the folder, as a linker or a copy does it.
  void put(const std::string& build) {
    fs::copy_file(test_plugins() / (build + ".so"), plugins_ / ".new", fs::copy_options::overwrite_existing);
    fs::rename(plugins_ / ".new", plugins_ / "keeper.so");
  }
  Host& host() { return mesh_->host("agent"); }
  boost::json::object reload(const std::string& plugin, const fs::path& file = {}) {
    std::vector<std::string> words{"reload", plugin};
    if (!file.empty()) words.push_back(file.string());
    const auto ctl = host().ctl(words);
    if (!ctl.json.is_object()) throw std::runtime_error("no report: " + ctl.output);
    EXPECT_EQ(ctl.code == 0, ctl.json.at("ok").as_bool());
    return ctl.json.as_object();
  }
  // Why a build is refused; the old one must go on.
  std::string refusal(const std::string& build) {
    const auto report = reload("keeper", test_plugins() / (build + ".so"));
    EXPECT_FALSE(report.at("ok").as_bool());
    return report.contains("why") ? std::string(report.at("why").as_string()) : "";
  }
  std::size_t generations(const std::string& plugin) {
    const auto plugins = host().query({"plugins"});
    for (const auto& p : plugins.as_array()) {
      if (p.at("name").as_string() == plugin) return p.at("generations").as_array().size();
    }
    return 0;
  }

  TempDir folder_;
  const fs::path plugins_ = folder_ / "plugins";
  std::optional<Deployment> mesh_;
};

class Reload : public testing::Test, protected Stage {};

TEST_F(Reload, AnotherVersionTakesOverEveryPlayerAndTheTimerWithNothingLost) {
  std::deque<Traffic> traffic;
  for (const std::string transport : kTransports) traffic.emplace_back(mesh_->url("login", transport));
  const auto all_answer = [&](std::uint32_t version) {
    for (auto& one : traffic) {
      ASSERT_TRUE(one.await(100)) << one.end();
      EXPECT_EQ(one.version(), version);
    }
  };
  all_answer(1);
  for (int i = 0; i < 5; ++i) {
    const std::uint32_t next = i % 2 == 0 ? 2 : 1;
    const auto ticks = traffic.front().ticks();
    const auto report = reload("keeper", test_plugins() / ("keeper_v" + std::to_string(next) + ".so"));
    ASSERT_TRUE(report.at("ok").as_bool()) << boost::json::serialize(report);
    all_answer(next);
    const auto then = traffic.front().ticks();
    EXPECT_GE(then, ticks);
    EXPECT_TRUE(wait_until([&] { return traffic.front().ticks() > then; })) << "the timer does not fire any more";
  }
  for (auto& one : traffic) EXPECT_EQ(one.end(), "");
  EXPECT_EQ(generations("keeper"), 1U) << "older ones are closed";
}

TEST_F(Reload, AgentGameAndHubTakeOverWithTheirClientsConnected) {
  Traffic traffic(mesh_->login_address());
  auto players = players_by_every_transport(*mesh_);
  for (const char* plugin : {"agent", "game", "hub", "login", "agent", "hub"}) {
    const auto report = reload(plugin);
    ASSERT_TRUE(report.at("ok").as_bool()) << boost::json::serialize(report);
    for (auto& speaker : players) {
      const std::string line = fresh("after a reload ");
      speaker.send(chat_req(line));
      for (auto& listener : players) expect_chat(listener, line);
    }
  }
  // What the agent knew of its clients it knows still, and others come in by the listeners of before.
  for (auto& player : players) {
    player.send(verify_req(mesh_->ticket()));
    player.expect_notice(proto::NoticeACK::AlreadyVerified);
    chat(player, "still in");
  }
  for (auto& player : players_by_every_transport(*mesh_)) chat(player, "new here");
  EXPECT_EQ(traffic.end(), "");
}

TEST_F(Reload, SavingTheFileOfADevHostIsEnough) {
  Traffic traffic(mesh_->login_address());
  ASSERT_TRUE(traffic.await(10)) << traffic.end();
  put("keeper_v2");
  EXPECT_TRUE(wait_until([&] { return traffic.version() == 2; }, seconds(60))) << tail(host().log());
  EXPECT_EQ(traffic.end(), "");
}

TEST_F(Reload, AThreadThatAPluginLeavesKeepsItsLibraryAndTheHostLivesToItsEnd) {
  if (base::kSanitized) GTEST_SKIP() << "a sanitizer stands where the host notes what plugins register";
  Traffic traffic(mesh_->login_address());
  ASSERT_TRUE(traffic.await(10)) << traffic.end();
  ASSERT_TRUE(reload("keeper", test_plugins() / "keeper_leaves_thread.so").at("ok").as_bool());
  ASSERT_TRUE(traffic.await(50)) << traffic.end();
  const auto report = reload("keeper", test_plugins() / "keeper_v1.so");
  ASSERT_TRUE(report.at("ok").as_bool()) << boost::json::serialize(report);
  ASSERT_TRUE(traffic.await(50)) << traffic.end();
  EXPECT_EQ(traffic.version(), 1U);
  EXPECT_EQ(traffic.end(), "");
  EXPECT_EQ(generations("keeper"), 2U);
  EXPECT_TRUE(host().wait_for_log("stays in memory, held by 1 thread ("));
  EXPECT_TRUE(host().wait_for_log("Keeper::Keeper()::{lambda()#1}"));
  ASSERT_EQ(host().ctl({"unload", "keeper"}).code, 0);
  const auto plugins = host().query({"plugins"});
  const auto& left = plugins.as_array().back();
  EXPECT_EQ(left.at("name").as_string(), "keeper");
  EXPECT_EQ(left.at("state").as_string(), "unloaded");
  EXPECT_EQ(left.at("generations").at(0).at("state").as_string(), "pinned");
  EXPECT_EQ(host().stop(), 0);
}

TEST_F(Reload, ACleanerOfTemporaryFilesPreventsNeitherReloadNorRollback) {
  Traffic traffic(mesh_->login_address());
  const auto clean = [&] {
    // The folder is named in the mappings of the host.
    std::ifstream maps("/proc/" + std::to_string(host().process().pid()) + "/maps");
    for (std::string line; std::getline(maps, line);) {
      const auto at = line.find("/cellmesh-");
      if (at == std::string::npos || line.find("keeper", at) == std::string::npos || !line.ends_with(".so")) continue;
      const fs::path file = line.substr(line.find('/'));
      EXPECT_GT(fs::remove_all(file.parent_path().parent_path()), 1U);
      return true;
    }
    return false;
  };
  ASSERT_TRUE(clean());
  ASSERT_TRUE(reload("keeper", test_plugins() / "keeper_v2.so").at("ok").as_bool());
  ASSERT_TRUE(traffic.await(50)) << traffic.end();
  EXPECT_EQ(traffic.version(), 2U);
  ASSERT_TRUE(clean());
  EXPECT_EQ(host().ctl({"rollback", "keeper"}).code, 0);
  ASSERT_TRUE(traffic.await(50)) << traffic.end();
  EXPECT_EQ(traffic.version(), 1U);
  EXPECT_EQ(traffic.end(), "");
}

TEST_F(Reload, AFaultyVersionIsRolledBackByItself) {
  Client player = mesh_->player();
  keeper::CountREQ req;
  player.send(req);
  EXPECT_EQ(player.expect<keeper::CountACK>().counted(), 1U);
  ASSERT_TRUE(reload("keeper", test_plugins() / "keeper_faulty.so").at("ok").as_bool());
  ASSERT_TRUE(wait_until(
      [&] {
        player.send(req);
        for (;;) {
          const auto frame = player.read();
          if (!frame) throw std::runtime_error("closed");
          if (frame->is<keeper::CountACK>()) return true;
          if (frame->is<proto::NoticeACK>()) return false;
        }
      },
      seconds(60)))
      << tail(host().log());
  EXPECT_TRUE(host().wait_for_log("rolled back a plugin"));
}

TEST_F(Reload, TheVersionBeforeComesBackByHandWithTheNewOnesState) {
  Traffic traffic(mesh_->login_address());
  ASSERT_TRUE(traffic.await(10)) << traffic.end();
  EXPECT_EQ(host().ctl({"rollback", "keeper"}).code, 1) << "there is none yet";
  ASSERT_TRUE(reload("keeper", test_plugins() / "keeper_v2.so").at("ok").as_bool());
  ASSERT_TRUE(traffic.await(50)) << traffic.end();
  EXPECT_EQ(traffic.version(), 2U);
  EXPECT_EQ(host().ctl({"rollback", "keeper"}).code, 0);
  ASSERT_TRUE(traffic.await(50)) << traffic.end();
  EXPECT_EQ(traffic.version(), 1U);
  EXPECT_EQ(traffic.end(), "");
}

// ---- bad builds: each is refused with its reason, under traffic, and the old one goes on

struct Bad {
  std::string build;
  std::string why;
};
// On one stage: none of them leaves anything behind.
class BadReload : public testing::TestWithParam<Bad> {
 protected:
  static void SetUpTestSuite() { stage_ = new Stage; }
  static void TearDownTestSuite() { delete std::exchange(stage_, nullptr); }
  static Stage* stage_;
};
Stage* BadReload::stage_ = nullptr;

TEST_P(BadReload, IsRefusedAndTheOldGenerationGoesOn) {
  Traffic traffic(stage_->mesh_->login_address());
  ASSERT_TRUE(traffic.await(20)) << traffic.end();
  EXPECT_THAT(stage_->refusal(GetParam().build), HasSubstr(GetParam().why));
  ASSERT_TRUE(traffic.await(20)) << traffic.end();
  EXPECT_EQ(traffic.version(), 1U);
  EXPECT_EQ(traffic.end(), "");
  EXPECT_EQ(stage_->generations("keeper"), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Builds, BadReload,
    testing::Values(Bad{"keeper_throws_in_create", "thrown by create"}, Bad{"keeper_throws_in_load", "thrown by load"},
                    Bad{"keeper_aborts", "SIGABRT"}, Bad{"keeper_crashes", base::kSanitized ? "exit code" : "SIGSEGV"},
                    Bad{"keeper_exits", "exit code 7"}, Bad{"keeper_hangs", "no end within"},
                    Bad{"keeper_allocates", base::kSanitized ? "" : "bad_alloc"},
                    Bad{"keeper_no_handler", "Keeper::on_tick"}, Bad{"keeper_missing_symbol", "nobody_has_this"},
                    Bad{"keeper_missing_library", "libkeeper_goes_away.so"},
                    Bad{"keeper_id_of_another", "has the id 3323, as proto.EchoREQ"},
                    Bad{"keeper_state_of_another", "load, for the state of version 1.0.0"},
                    Bad{"unit/unit_other_abi", "built for plugin ABI 2.0"}),
    [](const auto& param) { return fs::path(param.param.build).filename().string(); });

TEST_F(Reload, AFaultInResumedIsOneOnProbation) {
  Traffic traffic(mesh_->login_address());
  ASSERT_TRUE(traffic.await(20)) << traffic.end();
  ASSERT_TRUE(reload("keeper", test_plugins() / "keeper_throws_in_resumed.so").at("ok").as_bool());
  ASSERT_TRUE(traffic.await(20)) << traffic.end();
  EXPECT_EQ(traffic.version(), 2U);
  EXPECT_TRUE(host().wait_for_log("fault in resumed: thrown by resumed"));
  EXPECT_EQ(traffic.end(), "");
}

TEST_F(Reload, AFileThatIsReplacedMeanwhileIsTakenWholeOrNotAtAll) {
  Traffic traffic(mesh_->login_address());
  const fs::path file = folder_ / "busy.so";
  std::string whole;
  {
    std::ifstream in(test_plugins() / "keeper_v2.so", std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::size_t part = 1; !stop; part = part % 7 + 1) {
      std::ofstream(file, std::ios::binary).write(whole.data(), static_cast<std::streamsize>(whole.size() * part / 7));
    }
  });
  for (int i = 0; i < 15; ++i) {
    const auto report = reload("keeper", file);
    EXPECT_TRUE(report.at("ok").as_bool() || report.contains("why"));
  }
  stop = true;
  writer.join();
  ASSERT_TRUE(traffic.await(20)) << traffic.end();
  EXPECT_EQ(traffic.end(), "");
  ASSERT_TRUE(reload("keeper", test_plugins() / "keeper_v1.so").at("ok").as_bool()) << "nothing of it is left";
}

TEST_F(Reload, OfTwoPluginsAtOnceBothTakeOver) {
  Traffic traffic(mesh_->login_address());
  Client ann = mesh_->player();
  std::thread other([&] {
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(reload("game").at("ok").as_bool());
  });
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(reload("keeper", test_plugins() / "keeper_v2.so").at("ok").as_bool());
  other.join();
  chat(ann, "after both");
  EXPECT_EQ(traffic.end(), "");
}

TEST_F(Reload, WhatIsNoPluginOrCutShortIsRefused) {
  Traffic traffic(mesh_->login_address());
  const fs::path file = folder_ / "bad.so";
  fs::copy_file(test_plugins() / "keeper_v2.so", file);
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_FALSE(reload("keeper", file).at("ok").as_bool());
  fs::resize_file(file, 3);
  EXPECT_FALSE(reload("keeper", file).at("ok").as_bool());
  EXPECT_FALSE(reload("keeper", folder_ / "nothing.so").at("ok").as_bool());
  fs::create_directory(folder_ / "folder.so");
  EXPECT_FALSE(reload("keeper", folder_ / "folder.so").at("ok").as_bool());
  const auto other = reload("keeper", plugins_ / "echo.so");
  EXPECT_THAT(std::string(other.at("why").as_string()), HasSubstr("cannot take the place of keeper"));
  ASSERT_TRUE(traffic.await(20)) << traffic.end();
  EXPECT_EQ(traffic.end(), "");
}

TEST(ReloadByKv, NamingAnotherVersionInTheListIsEnough) {
  TempDir folder;
  const fs::path plugins = folder / "plugins";
  copy_plugins(plugins);
  fs::copy_file(test_plugins() / "keeper_v1.so", plugins / "keeper.so");
  fs::copy_file(test_plugins() / "keeper_v2.so", plugins / "keeper-2.so");
  Deployment mesh(Shape::consul, {.plugin_dir = plugins, .arguments = {}, .env = {}});
  Host& host = mesh.add_host("extra", {"--index", "3"});
  ASSERT_TRUE(wait_until([&] { return mesh.consul().kv_get("cellmesh/hosts/3@dev/plugins").has_value(); }));
  mesh.consul().kv_put("cellmesh/hosts/3@dev/plugins", "keeper@1.0.0");
  ASSERT_TRUE(wait_until([&] { return keeper_version(mesh.login_address()) == 1; }, seconds(60))) << tail(host.log());
  mesh.consul().kv_put("cellmesh/hosts/3@dev/plugins", "keeper@2.0.0");
  EXPECT_TRUE(wait_until([&] { return keeper_version(mesh.login_address()) == 2; }, seconds(60))) << tail(host.log());
}

TEST(ReloadByKv, WorksWithConsulAway) {
  Deployment mesh(Shape::consul);
  Client ann = mesh.player();
  mesh.consul().kill9();
  for (const char* kind : {"game", "hub", "agent"}) {
    const auto ctl = mesh.host(kind).ctl({"reload", kind});
    EXPECT_EQ(ctl.code, 0) << ctl.output;
    chat(ann, std::string("after ") + kind);
  }
}

}  // namespace
}  // namespace cm::test
