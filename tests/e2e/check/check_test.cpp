// `cellmesh check` at a shell: good plugins pass, and each bad one fails the test that is for its fault.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/sanitizer.hpp"
#include "culprits.hpp"
#include "support/deployment.hpp"
#include "support/temp_dir.hpp"

namespace cm::test {
namespace {

class BadPlugin : public testing::TestWithParam<Culprit> {};

TEST_P(BadPlugin, FailsItsOwnTestAndNoneThatThisNeeds) {
  static const std::set<std::string> of_the_heap{"leak.clients", "leak.memory", "leak.reloads"};
  if (base::kSanitized && of_the_heap.contains(GetParam().test)) {
    GTEST_SKIP() << "the heap cannot be measured under a sanitizer";
  }
  const auto finished = check({"--json", "--only", GetParam().test, GetParam().file()});
  ASSERT_EQ(finished.code, 1) << finished.output;
  EXPECT_EQ(ids(json::parse(finished.output), "failed"), std::vector{GetParam().test}) << finished.output;
}
INSTANTIATE_TEST_SUITE_P(Check, BadPlugin, testing::ValuesIn(all_culprits),
                         [](const auto& of) { return of.param.defect; });

class GoodPlugin : public testing::TestWithParam<std::string> {};

TEST_P(GoodPlugin, PassesEveryTest) {
  const auto file = GetParam() == "culprit" ? test_plugins() / "check" / "culprit_nothing.so"
                                            : shipped_plugins() / (GetParam() + ".so");
  const auto finished = check({"--json", file.string()});
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(failures(json::parse(finished.output)), "");
}
INSTANTIATE_TEST_SUITE_P(Check, GoodPlugin,
                         testing::Values("culprit", "agent", "data", "echo", "echo_c", "game", "hub", "login", "robot",
                                         "social"),
                         [](const auto& of) { return of.param; });

TEST(Check, AFileThatIsCutShortFailsBeforeItIsLoaded) {
  const TempDir folder;
  const auto file = folder.path() / "short.so";
  std::filesystem::copy_file(shipped_plugins() / "echo.so", file);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  const auto finished = check({"--json", file.string()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_EQ(ids(json::parse(finished.output), "failed"), std::vector<std::string>{"file.elf"}) << finished.output;
}

TEST(Check, TheTableNamesTheTestTheCauseAndTheCure) {
  const auto finished = check({(test_plugins() / "check" / "culprit_nodelete.so").string()});
  EXPECT_EQ(finished.code, 1);
  for (const std::string part :
       {"FAILED   unload.nodelete", "is linked with -z nodelete", "link it without", "seed "}) {
    EXPECT_NE(finished.output.find(part), std::string::npos) << part << " in " << finished.output;
  }
}

TEST(Check, OnlyRunsWhatIsAskedForAndWhatThatNeeds) {
  const auto file = (shipped_plugins() / "echo.so").string();
  const auto finished = check({"--json", "--only", "unload.nodelete", file});
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(ids(json::parse(finished.output), "ok"), (std::vector<std::string>{"file.elf", "unload.nodelete"}));
  const auto unknown = check({"--only", "unload.nodelet", file});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_NE(unknown.output.find("did you mean \"unload.nodelete\""), std::string::npos) << unknown.output;
}

TEST(Check, APluginTouchesNothingOfWhoRunsTheCheck) {
  const TempDir folder;
  const std::string here = folder.path().string();
  const auto finished =
      run({.command = {program().string(), "check", (shipped_plugins() / "data.so").string()},
           .env = {{"HOME", here}, {"XDG_STATE_HOME", here}, {"CELLMESH_DATABASE", "sqlite:" + here + "/players.db"}},
           .folder = here,
           .log = {}},
          seconds(600));
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->code, 0) << finished->output;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Check, MistakesAreUsageErrors) {
  EXPECT_EQ(check({}).code, 2);
  EXPECT_EQ(check({"no/such/file.so"}).code, 2);
  EXPECT_EQ(check({"--seed", "many", program().string()}).code, 2);
}

TEST(Check, EveryTestSaysWhatItProtectsAndStandsBehindThoseThatItNeeds) {
  const auto finished = check({"--list", "--json"});
  ASSERT_EQ(finished.code, 0);
  std::vector<std::string> before;
  const auto tests = json::parse(finished.output);
  for (const auto& test : tests.as_array()) {
    const std::string id(test.at("id").as_string());
    EXPECT_TRUE(test.at("protects").as_string().ends_with(".")) << id;
    EXPECT_FALSE(test.at("cure").as_string().empty()) << id;
    EXPECT_EQ(std::count(before.begin(), before.end(), id), 0) << id;
    for (const auto& needed : test.at("after").as_array()) {
      EXPECT_EQ(std::count(before.begin(), before.end(), std::string(needed.as_string())), 1) << id;
    }
    before.push_back(id);
  }
}

}  // namespace
}  // namespace cm::test
