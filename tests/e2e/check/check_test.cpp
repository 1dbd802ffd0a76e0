// `cellmesh check` at a shell: good plugins pass, and each bad one fails the test that is for its fault, and no other.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "support/deployment.hpp"
#include "support/temp_dir.hpp"

namespace cm::test {
namespace {

namespace json = boost::json;

Finished check(std::vector<std::string> words) {
  words.insert(words.begin(), {program().string(), "check"});
  auto finished = run({.command = std::move(words), .env = {}, .folder = {}, .log = {}}, seconds(600));
  if (!finished) throw std::runtime_error("cellmesh check does not end");
  return std::move(*finished);
}

std::vector<std::string> ids(const json::value& report, std::string_view result) {
  std::vector<std::string> ids;
  for (const auto& test : report.at("tests").as_array()) {
    if (test.at("result").as_string() == result) ids.emplace_back(test.at("id").as_string());
  }
  return ids;
}

struct Culprit {
  std::string defect;
  std::string test;  // that is to fail
};
void PrintTo(const Culprit& culprit, std::ostream* out) { *out << culprit.defect; }

class BadPlugin : public testing::TestWithParam<Culprit> {};

TEST_P(BadPlugin, FailsItsOwnTestAndNoOther) {
  const auto file = test_plugins() / "check" / ("culprit_" + GetParam().defect + ".so");
  const auto finished = check({"--json", file.string()});
  ASSERT_EQ(finished.code, 1) << finished.output;
  const auto report = json::parse(finished.output);
  EXPECT_EQ(ids(report, "failed"), std::vector{GetParam().test}) << finished.output;
}

const std::vector<Culprit> kCulprits{
    {"stack_is_executable", "file.no_executable_stack"},
    {"no_build_id", "build.id_present"},
    {"two_symbols", "exports.one_symbol"},
    {"no_symbol", "exports.one_symbol"},
    {"unique_symbol", "unload.unique_symbols"},
    {"nodelete", "unload.nodelete"},
    {"no_manifest", "manifest.present"},
    {"manifest_is_garbage", "manifest.parses"},
    {"kind_twice", "manifest.fits"},
    {"version_is_a_word", "manifest.version"},
    {"abi_of_another_major", "abi.version"},
    {"same_id_twice", "ids.unique"},
    {"id_of_the_host", "ids.collide_with_host"},
    {"route_to_nowhere", "routes.name_a_service"},
    {"undefined_symbol", "load.loads"},
    {"no_stop", "load.entry"},
    {"abi_in_code_differs", "abi.in_code"},
    {"init_refuses", "load.init"},
    {"kind_differs", "kinds.as_manifest"},
    {"create_makes_nothing", "life.create"},
    {"destroy_needs_start", "life.destroy_without_start"},
    {"start_refuses", "life.start_stop"},
};
INSTANTIATE_TEST_SUITE_P(Check, BadPlugin, testing::ValuesIn(kCulprits),
                         [](const auto& of) { return of.param.defect; });

class GoodPlugin : public testing::TestWithParam<std::string> {};

TEST_P(GoodPlugin, PassesEveryTest) {
  const auto file = GetParam() == "culprit" ? test_plugins() / "check" / "culprit_nothing.so"
                                            : shipped_plugins() / (GetParam() + ".so");
  const auto finished = check({"--json", file.string()});
  EXPECT_EQ(finished.code, 0) << finished.output;
  EXPECT_EQ(ids(json::parse(finished.output), "failed"), std::vector<std::string>{}) << finished.output;
}
INSTANTIATE_TEST_SUITE_P(Check, GoodPlugin,
                         testing::Values("culprit", "agent", "echo", "echo_c", "game", "hub", "login"),
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
