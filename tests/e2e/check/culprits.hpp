// `cellmesh check` at a shell, and the bad plugins that it is to see through.
#pragma once

#include <boost/json.hpp>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/deployment.hpp"

namespace cm::test {

namespace json = boost::json;

inline Finished check(std::vector<std::string> words) {
  words.insert(words.begin(), {program().string(), "check"});
  auto finished = run({.command = std::move(words), .env = {}, .folder = {}, .log = {}}, seconds(600));
  if (!finished) throw std::runtime_error("cellmesh check does not end");
  return std::move(*finished);
}

inline std::vector<std::string> ids(const json::value& report, std::string_view result) {
  std::vector<std::string> ids;
  for (const auto& test : report.at("tests").as_array()) {
    if (test.at("result").as_string() == result) ids.emplace_back(test.at("id").as_string());
  }
  return ids;
}

// What failed and why, a line each: a whole report is too long to be read in a test's output.
inline std::string failures(const json::value& report) {
  std::string lines;
  for (const auto& test : report.at("tests").as_array()) {
    if (test.at("result").as_string() != "failed") continue;
    lines += std::string(test.at("id").as_string()) + ": " + std::string(test.at("why").as_string()) + '\n';
  }
  return lines;
}

struct Culprit {
  std::string defect;
  std::string test;  // that is to fail

  [[nodiscard]] std::string file() const { return test_plugins() / "check" / ("culprit_" + defect + ".so"); }
};
inline void PrintTo(const Culprit& culprit, std::ostream* out) { *out << culprit.defect; }

inline const std::vector<Culprit> all_culprits{
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
    {"needs_kv", "ext.host_without_kv"},
    {"needs_audit", "ext.host_without_audit"},
    {"needs_health", "ext.host_without_health"},
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
    {"refuses_short_list", "settings.min"},
    {"refuses_long_list", "settings.max"},
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

}  // namespace cm::test
