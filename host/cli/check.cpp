#include <charconv>
#include <iostream>
#include <optional>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/log.hpp"
#include "check/check.hpp"
#include "cli/command.hpp"
#include "cli/render.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"

namespace cm::cli {
namespace json = boost::json;

namespace {

using check::Finding;
using check::Verdict;

std::string_view word(Verdict verdict) {
  if (verdict == Verdict::ok) return "ok";
  return verdict == Verdict::failed ? "failed" : "skipped";
}

std::size_t count(const std::vector<Finding>& findings, Verdict verdict) {
  std::size_t n = 0;
  for (const auto& finding : findings) n += finding.verdict == verdict ? 1 : 0;
  return n;
}

std::string list_text() {
  Table table({"TEST", "WHAT IT PROTECTS"});
  for (const auto& test : check::all_tests()) table.add({std::string(test.id), std::string(test.protects)});
  return table.text();
}

json::array list_json() {
  json::array tests;
  for (const auto& test : check::all_tests()) {
    tests.push_back({{"id", test.id},
                     {"protects", test.protects},
                     {"cure", test.cure},
                     {"after", json::array(test.after.begin(), test.after.end())}});
  }
  return tests;
}

json::object report_json(const std::string& file, std::uint64_t seed, const std::vector<Finding>& findings) {
  json::array tests;
  for (const auto& finding : findings) {
    json::object test{{"id", finding.test->id},
                      {"protects", finding.test->protects},
                      {"result", word(finding.verdict)},
                      {"ms", finding.took.count()}};
    if (!finding.why.empty()) test["why"] = valid_utf8(finding.why);
    if (!finding.output.empty()) test["output"] = valid_utf8(finding.output);
    tests.push_back(std::move(test));
  }
  return {{"file", file},
          {"seed", seed},
          {"ok", count(findings, Verdict::ok)},
          {"failed", count(findings, Verdict::failed)},
          {"skipped", count(findings, Verdict::skipped)},
          {"tests", std::move(tests)}};
}

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += "           " + printable(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string report_text(const std::string& file, std::uint64_t seed, const std::vector<Finding>& findings) {
  std::size_t width = 0;
  for (const auto& finding : findings) width = std::max(width, finding.test->id.size());
  std::string out;
  for (const auto& finding : findings) {
    std::string id(finding.test->id);
    if (finding.verdict == Verdict::ok) {
      out += "ok       " + id + "\n";
    } else if (finding.verdict == Verdict::skipped) {
      id.resize(width, ' ');
      out += "skipped  " + id + "  " + printable(finding.why) + "\n";
    } else {
      out +=
          "FAILED   " + id + "\n           " + wrap(printable(finding.why), 109, 11) + "\n" + indented(finding.output);
    }
  }
  return out + "\n" + printable(file) + ": " + std::to_string(count(findings, Verdict::ok)) + " ok, " +
         std::to_string(count(findings, Verdict::failed)) + " failed, " +
         std::to_string(count(findings, Verdict::skipped)) + " skipped; seed " + std::to_string(seed) + "\n";
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int misuse(const std::string& sentence) {
  fail(printable(sentence));
  return kUsage;
}

int run(const Arguments& arguments) {
  if (arguments.on("list")) {
    std::cout << (arguments.on("json") ? json::serialize(list_json()) + "\n" : list_text()) << std::flush;
    return std::cout ? kOk : kFailed;
  }
  if (arguments.words.empty()) return misuse("check needs FILE.so; `cellmesh help check` says how it is used");
  const auto seed = number(arguments.get("seed", std::to_string(check::kSeed)));
  const auto time = number(arguments.get("time-limit", "0"));
  if (!seed || !time || *time > 3600) return misuse("--seed and --time-limit are whole numbers, the latter up to 3600");

  // That it tidied up after a process that died is no news of the plugin.
  (void)base::set_log_levels("warning");
  check::Options options;
  options.file = arguments.words[0];
  options.only = split(arguments.get("only"));
  options.seed = *seed;
  options.time_limit = std::chrono::seconds(*time);
  const auto findings = check::check(options);
  if (!findings) return misuse(findings.error().text);
  const std::string& file = arguments.words[0];
  std::cout << (arguments.on("json") ? json::serialize(report_json(valid_utf8(file), *seed, *findings)) + "\n"
                                     : report_text(file, *seed, *findings))
            << std::flush;
  return std::cout && count(*findings, Verdict::failed) == 0 ? kOk : kFailed;
}

}  // namespace

Command check_command() {
  return {.name = "check",
          .arguments = "FILE.so",
          .summary = "Tries a plugin in every way that a host may treat it.",
          .details =
              "Loads, unloads and reloads it, with messages, state, cookies and settings that are good, random, cut\n"
              "short or missing, and hosts that lack this or that. Each test has a process of its own with a bound on\n"
              "time and memory, so whatever the plugin does, the others go on. Nothing goes over the network.\n",
          .flags = {{"list", "", "Name the tests and what each protects, and run none."},
                    {"only", "ID,...", "Run these tests, and those that they need."},
                    {"json", "", "Print it as JSON, for programs."},
                    {"seed", "N", "Where random inputs begin; a run with the same seed is the same."},
                    {"time-limit", "SECONDS", "How long a test may take; each has a limit of its own otherwise."}},
          .min_words = 0,
          .max_words = 1,
          .run = run};
}

}  // namespace cm::cli
