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
    {"destroy_needs_stop", "life.destroy_without_stop"},
    {"starts_a_few_times", "life.many"},
    {"one_instance", "life.two_instances"},
    {"any_extension", "ext.unknown_ids"},
    {"extension_is_short", "ext.complete"},
    {"extension_changes", "ext.same_answer"},
    {"needs_log", "ext.host_without_log"},
    {"needs_message", "ext.host_without_message"},
    {"needs_timer", "ext.host_without_timer"},
    {"needs_settings", "ext.host_without_settings"},
    {"needs_metrics", "ext.host_without_metrics"},
    {"needs_directory", "ext.host_without_directory"},
    {"needs_clients", "ext.host_without_clients"},
    {"needs_gateway", "ext.host_without_gateway"},
    {"needs_channel", "ext.host_without_channel"},
    {"needs_offload", "ext.host_without_offload"},
    {"needs_something", "ext.host_without_any"},
    {"needs_this_very_host", "abi.newer_host"},
    {"aborts_on_large_numbers", "message.each_valid"},
    {"aborts_on_empty", "message.each_empty"},
    {"aborts_on_null", "message.null_body"},
    {"aborts_on_random", "message.each_random"},
    {"aborts_on_truncated", "message.each_truncated"},
    {"unknown_is_ok", "message.unknown_id"},
    {"loops_on_largest", "message.largest"},
    {"aborts_on_nobody", "client.of_nobody"},
    {"odd_status", "message.known_status"},
    {"any_reply", "reply.unknown_handler"},
    {"any_timer", "timer.unknown_handler"},
    {"any_channel", "channel.unknown_handler"},
    {"any_job", "job.unknown_handler"},
    {"cookie_is_cut", "cookie.truncated"},
    {"cookie_differs", "cookie.random"},
    {"cookie_is_large", "cookie.largest"},
    {"reply_is_never_too_large", "reply.each_status"},
    {"lives_nine_minutes", "timer.time_goes_by"},
    {"job_needs_service", "job.outlives_service"},
    {"refuses_defaults", "settings.defaults"},
    {"refuses_least", "settings.min"},
    {"refuses_most", "settings.max"},
    {"refuses_choice", "settings.choices"},
    {"aborts_on_motto", "settings.texts"},
    {"aborts_on_empty_settings", "settings.empty"},
    {"aborts_on_garbage_settings", "settings.garbage"},
    {"unknown_client_goes", "client.unknown_closed"},
    {"client_goes_twice", "client.closed_twice"},
    {"speaks_after_its_end", "client.message_after_close"},
    {"unknown_service_goes", "service.unknown_goes"},
    {"needs_a_peer", "service.others_come_and_go"},
    {"keeps_clients", "leak.clients"},
    {"throws", "fence.no_exception_leaves"},
    {"waits", "time.hooks_return"},
    {"computes", "time.hooks_return"},
    {"timer_without_handler", "host.good_arguments"},
    {"sends_in_create", "host.good_arguments"},
    {"logs_bytes", "host.log_is_text"},
    {"faults_on_backpressure", "host.backpressure"},
    {"faults_on_unavailable", "host.unavailable"},
    {"starts_behind_a_peer", "host.alone"},
    {"takes_a_signal", "process.signal_handlers"},
    {"sets_locale", "process.locale"},
    {"changes_directory", "process.directory"},
    {"rounds_up", "process.float_mode"},
    {"rows_for_ever", "state.rows_end"},
    {"save_sends", "state.save_is_pure"},
    {"save_ignores_refusal", "state.refused_save"},
    {"forgets_state", "state.saved_is_restored"},
    {"forgets_rows", "state.saved_is_restored"},
    {"loses_changes", "state.changes_follow"},
    {"refuses_no_state", "state.empty"},
    {"aborts_on_random_state", "state.random"},
    {"aborts_on_truncated_state", "state.truncated"},
    {"aborts_on_large_state", "state.valid"},
    {"refuses_newer_state", "state.of_a_newer_version"},
    {"refuses_unknown_table", "state.unknown_table"},
    {"aborts_on_odd_key", "state.row_random"},
    {"load_starts_timer", "state.load_is_silent"},
    {"lacks_a_handler", "state.has_its_handlers"},
    {"has_any_handler", "state.has_no_other_handlers"},
    {"leaves_a_thread", "leak.threads"},
    {"leaves_a_descriptor", "leak.descriptors"},
    {"leaves_a_process", "leak.processes"},
    {"leaks_a_life", "leak.memory"},
    {"leaks_a_reload", "leak.reloads"},
    {"leaks_keys", "unload.1000_reloads"},
    {"pins_itself", "unload.unmapped"},
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
