// `cellmesh bots` on a real mesh: what plays well passes, and what is wrong in the mesh fails the run.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <tuple>

#include "support/bots.hpp"
#include "support/deployment.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;

// So many levels, cheap ones.
std::string prices(int levels) {
  std::string list = "1";
  for (int i = 1; i < levels; ++i) list += ", 1";
  return list;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, PassesOnAMeshThatWorks) {
  Deployment mesh(Shape::embedded);
  const std::string cut_ms = GetParam() == "life" ? "300" : "1500";
  const auto finished = bots(
      mesh.login_address(), {"--scenario", GetParam(), "--count", "30", "--ramp", "100/s", "--duration", "4s", "--set",
                             "ping_ms=300,world_per_sec=20,level_ms=500,channel_ms=500,private_ms=500,cut_ms=" + cut_ms,
                             "--seed", "7", "--database", "sqlite:" + (mesh.folder() / "data.db").string()});
  ASSERT_EQ(finished.code, 0) << finished.output;
  const auto report = json::parse(finished.output);
  EXPECT_EQ(check(report, "every robot got in", "held"), 30);
  EXPECT_GT(report.at("latencies").at("enter").at("count").to_number<int>(), 29);
  if (GetParam() == "connect" || GetParam() == "storm") {
    EXPECT_GT(report.at("latencies").at("ping").at("count").to_number<int>(), 29);
  } else {
    // Who is cut off need not hear what was said before.
    EXPECT_GT(check(report, kHeard, "held"), GetParam() == "flap" || GetParam() == "life" ? 0 : 200) << finished.output;
  }
  if (GetParam() == "life") {
    EXPECT_GT(report.at("counters").at("level_ups").to_number<int>(), 0);
    EXPECT_GT(report.at("counters").at("friends").to_number<int>(), 0);
    EXPECT_EQ(check(report, kStored, "held"), 30);
  }
  if (GetParam() == "flap") {
    EXPECT_GT(report.at("counters").at("cuts").to_number<int>(), 10);
  }
}
INSTANTIATE_TEST_SUITE_P(Bots, Scenario, testing::Values("connect", "chat", "life", "storm", "flap"),
                         [](const auto& of) { return of.param; });

// It is back before its players are told that it was gone: what they had asked it for is lost with it, and asked again.
TEST(Bots, WhatAGameThatDiedDidNotAnswerIsAskedAgain) {
  Deployment::Options options;
  options.settings = {{"game/prices", prices(200)}};
  Deployment mesh(Shape::consul, std::move(options));
  const std::string database = "sqlite:" + (mesh.folder() / "data.db").string();
  Process robots({.command = {program().string(), "bots", "--login", mesh.login_address(), "--json", "--count", "200",
                              "--ramp", "all", "--duration", "600s", "--database", database, "--set",
                              "level_ms=500,cut_ms=3600000,world_per_sec=0,channel_ms=0,private_ms=0"},
                  .env = {},
                  .folder = {},
                  .log = {}});
  ASSERT_TRUE(robots.wait_for_output("level-up"));
  for (int i = 0; i < 5; ++i) {
    mesh.host("game").kill9();
    mesh.host("game").start();
    mesh.host("game").await_ready();
    const auto so_far = robots.output_size();
    ASSERT_TRUE(robots.wait_for_output("level-up", seconds(60), so_far));
  }
  robots.signal(SIGINT);
  const auto code = robots.wait(seconds(120));
  EXPECT_EQ(code, 0) << tail(robots.output());
  EXPECT_NE(robots.output().find("\"game: no answer\""), std::string::npos) << tail(robots.output());
}

struct Wrong {
  std::string social;  // of tests/plugins
  std::string check;   // that it must fail
};
class WrongSocial : public testing::TestWithParam<Wrong> {};

TEST_P(WrongSocial, FailsTheRunByItsOwnCheckAlone) {
  const TempDir folder;
  copy_plugins(folder.path(), {"agent", "data", "game", "hub", "login"});
  fs::copy_file(test_plugins() / (GetParam().social + ".so"), folder.path() / "social.so");
  Deployment mesh(Shape::embedded, {.plugin_dir = folder.path(), .arguments = {}, .env = {}, .await = false});
  const auto finished = bots(mesh.login_address(), {"--scenario", "chat", "--count", "10", "--duration", "3s",
                                                    "--grace", "3s", "--set", "world_per_sec=20"});
  ASSERT_EQ(finished.code, 1) << finished.output;
  const auto report = json::parse(finished.output);
  EXPECT_EQ(report.at("verdict").as_string(), "fail");
  for (const auto& [name, held] : report.at("checks").as_object()) {
    const auto failed = held.at("failed").to_number<int>();
    if (name == GetParam().check) {
      EXPECT_GT(failed, 0) << finished.output;
    } else {
      EXPECT_EQ(failed, 0) << name << ": " << finished.output;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Bots, WrongSocial,
                         testing::Values(Wrong{"social_doubles", "no line is heard twice"},
                                         Wrong{"social_drops", kHeard},
                                         Wrong{"social_invents", "nothing is heard that was not said or was refused"}),
                         [](const auto& of) { return of.param.social; });

TEST(Bots, MailForAnAbsentRobotIsHeardWhenItIsBack) {
  Deployment mesh(Shape::embedded);
  const auto finished = bots(mesh.login_address(), {"--plugin", (test_plugins() / "absent.so").string(), "--count", "2",
                                                    "--duration", "1s", "--grace", "60s"});
  ASSERT_EQ(finished.code, 0) << finished.output;
  const auto report = json::parse(finished.output);
  EXPECT_EQ(check(report, "every robot came to its end", "held"), 2);
  EXPECT_GE(report.at("counters").at("heard").to_number<int>(), 1);
  EXPECT_EQ(check(report, "it is what was written", "failed"), 0);
}

TEST(Bots, NobodyThereIsAFailureThatSaysWhy) {
  const std::string nowhere = "127.0.0.1:" + std::to_string(free_port());
  const auto finished = bots(nowhere, {"--scenario", "connect", "--count", "3", "--duration", "1s", "--grace", "1s"});
  EXPECT_EQ(finished.code, 1) << finished.output;
  const auto report = json::parse(finished.output);
  EXPECT_EQ(check(report, "every robot got in", "failed"), 3);
  EXPECT_NE(finished.output.find("Connection refused"), std::string::npos) << finished.output;
}

TEST(Bots, WriteAReportThatIsOnePage) {
  Deployment mesh(Shape::embedded);
  const TempDir folder;
  const auto page = folder.path() / "report.html";
  const auto finished = bots(mesh.login_address(),
                             {"--scenario", "connect", "--count", "5", "--duration", "1s", "--report", page.string()});
  ASSERT_EQ(finished.code, 0) << finished.output;
  std::ostringstream text;
  text << std::ifstream(page).rdbuf();
  EXPECT_NE(text.str().find("\"verdict\":\"pass\""), std::string::npos) << text.str();
}

TEST(Bots, AReportThatCannotBeWrittenIsRefusedBeforeTheRun) {
  const auto finished = bots("127.0.0.1:1", {"--report", "/nowhere/report.html"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_NE(finished.output.find("/nowhere/report.html cannot be written: No such file"), std::string::npos)
      << finished.output;
}

TEST(Bots, AReportThatFailsAtTheEndDoesNotTakeTheResultAlong) {
  const std::string nowhere = "127.0.0.1:" + std::to_string(free_port());
  const auto finished = bots(
      nowhere, {"--scenario", "connect", "--count", "1", "--duration", "1s", "--grace", "1s", "--report", "/dev/full"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_NE(finished.output.find("\"verdict\":\"fail\""), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find("/dev/full cannot be written: No space left"), std::string::npos) << finished.output;
}

TEST(Bots, ANumberThatIsNoneIsRefusedWithWhatItMayBe) {
  for (const auto& [flag, value, what] : {std::tuple{"--count", "nan", "a whole number"},
                                          {"--count", "1.5", "a whole number"},
                                          {"--count", "inf", "a whole number"},
                                          {"--seed", "1.7", "a whole number"},
                                          {"--seed", "nan", "a whole number"},
                                          {"--duration", "nan", "a time"},
                                          {"--grace", "inf", "a time"},
                                          {"--ramp", "nan", "robots a second"},
                                          {"--log", "nonsense", "no log level"}}) {
    const auto finished = bots("127.0.0.1:1", {flag, value});
    EXPECT_EQ(finished.code, 2) << flag << " " << value;
    EXPECT_NE(finished.output.find(flag), std::string::npos) << finished.output;
    EXPECT_NE(finished.output.find(what), std::string::npos) << finished.output;
  }
}

TEST(Bots, AServiceIsNoRobotAndARobotNoService) {
  Deployment mesh(Shape::embedded);
  const auto service = bots(mesh.login_address(), {"--plugin", (shipped_plugins() / "echo.so").string()});
  EXPECT_EQ(service.code, 2);
  EXPECT_NE(service.output.find("echo.so is no robot but a service"), std::string::npos) << service.output;
  const auto loaded = mesh.host("game").ctl({"load", "robot"});
  EXPECT_NE(loaded.code, 0);
  EXPECT_NE(loaded.output.find("is a robot"), std::string::npos) << loaded.output;
}

TEST(Bots, AWrongSettingIsRefusedWithWhatItMayBe) {
  const auto finished = bots("127.0.0.1:1", {"--scenario", "dance"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_NE(finished.output.find("\"connect\""), std::string::npos) << finished.output;
  const auto misspelt = bots("127.0.0.1:1", {"--set", "pingms=3"});
  EXPECT_EQ(misspelt.code, 2);
  EXPECT_NE(misspelt.output.find("ping_ms"), std::string::npos) << misspelt.output;
}

}  // namespace
}  // namespace cm::test
