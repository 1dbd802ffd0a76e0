#include "bench/game/robots.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

#include "bench/meter.hpp"
#include "support/bots.hpp"

namespace cm::bench {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

constexpr seconds kMost{120};  // of one run

std::vector<std::string> command(std::uint64_t count, std::vector<std::string> words) {
  words.insert(words.begin(), {"--count", std::to_string(count)});
  return test::bots_command(words);
}

// A progress line: its sample has ended just now.
struct Moment {
  std::map<pid_t, std::uint64_t> cpu_ns;
  bool ends = false;  // robots begin nothing new
};

bool is_progress(const std::string& line) { return line.find(" logins/s  ") != std::string::npos; }

// Follows the run to its end.
std::vector<Moment> follow(test::Process& process, const std::vector<pid_t>& watched) {
  std::vector<Moment> moments;
  const auto bound = test::Clock::now() + kMost;
  std::size_t at = 0;
  while (process.wait_for_output("\n", seconds(10), at)) {
    if (test::Clock::now() > bound) throw std::runtime_error("robots do not come to an end:\n" + process.output());
    Moment now;
    for (const pid_t pid : watched) now.cpu_ns[pid] = Meter::cpu_ns(pid);
    const std::string output = process.output();
    for (auto end = output.find('\n', at); end != std::string::npos; at = end + 1, end = output.find('\n', at)) {
      const std::string line = output.substr(at, end - at);
      if (!is_progress(line)) continue;
      now.ends = line.find("coming to an end") != std::string::npos;
      moments.push_back(now);
    }
  }
  return moments;
}

json::value report_of(test::Process& process, bool may_err = false) {
  const auto code = process.wait(kMost);
  const std::string output = process.output();
  const auto found = test::bots_report(output);
  if (!code || !found) throw std::runtime_error("robots give no report:\n" + output);
  const auto& report = *found;
  if (*code != 0 || (!may_err && report.at("errors").to_number<int>() != 0)) {
    throw std::runtime_error("robots had errors: " + json::serialize(report.at("errors_by_kind")) + ", " +
                             json::serialize(report.at("why")) + ", " + json::serialize(report.at("parameters")));
  }
  return report;
}

std::uint64_t count_of(const json::value& sample, const std::string& series) {
  const auto* found = sample.at("latencies").as_object().if_contains(series);
  return found != nullptr ? found->at("count").to_number<std::uint64_t>() : 0;
}

}  // namespace

Played play(const Load& load, const std::vector<pid_t>& watched) {
  test::Process process({.command = command(load.count, load.words), .env = {}, .folder = {}, .log = {}});
  const auto moments = follow(process, watched);
  const auto report = report_of(process);
  const auto& samples = report.at("samples").as_array();
  // The sample in which the last came in is the first that does not count; one that the end falls into is none, too.
  std::size_t first = 0;
  std::uint64_t entered = 0;
  while (first < samples.size() && (entered += samples[first].at("entered").to_number<std::uint64_t>()) < load.count) {
    ++first;
  }
  std::size_t last = first;
  while (last + 1 < moments.size() && last + 1 < samples.size() && !moments[last + 1].ends) ++last;
  if (last == first) throw std::runtime_error("robots played too short: " + json::serialize(report.at("samples")));
  double took = 0;
  double counted = 0;
  for (std::size_t i = first + 1; i <= last; ++i) {
    took += samples[i].at("seconds").to_number<double>();
    counted += static_cast<double>(count_of(samples[i], load.series));
  }
  if (counted == 0) throw std::runtime_error("robots measured no " + load.series);
  const auto& latency = report.at("latencies").at(load.series);
  Played played{.per_second = counted / took,
                .p50_us = latency.at("p50_us").to_number<double>(),
                .p99_us = latency.at("p99_us").to_number<double>(),
                .errors = 0,
                .cpu_us = {}};
  for (const pid_t pid : watched) {
    const auto spent = moments[last].cpu_ns.at(pid) - moments[first].cpu_ns.at(pid);
    played.cpu_us[pid] = static_cast<double>(spent) / 1000.0 / counted;
  }
  return played;
}

Played storm(std::uint64_t count, const std::vector<std::string>& words, const std::vector<pid_t>& watched) {
  std::map<pid_t, std::uint64_t> before;
  for (const pid_t pid : watched) before[pid] = Meter::cpu_ns(pid);
  test::Process process({.command = command(count, words), .env = {}, .folder = {}, .log = {}});
  const auto report = report_of(process, true);
  const auto& latency = report.at("latencies").at("enter");
  const auto all = static_cast<double>(count);
  // When the last came in, as near as the samples tell.
  double took = 0;
  double missing = all;
  for (const auto& sample : report.at("samples").as_array()) {
    const double seconds = sample.at("seconds").to_number<double>();
    const double entered = sample.at("entered").to_number<double>();
    took += entered >= missing ? seconds * missing / entered : seconds;
    missing -= std::min(missing, entered);
    if (missing <= 0) break;
  }
  Played played{.per_second = all / took,
                .p50_us = latency.at("p50_us").to_number<double>(),
                .p99_us = latency.at("p99_us").to_number<double>(),
                .errors = report.at("errors").to_number<std::uint64_t>(),
                .cpu_us = {}};
  for (const pid_t pid : watched) {
    played.cpu_us[pid] = static_cast<double>(Meter::cpu_ns(pid) - before.at(pid)) / 1000.0 / all;
  }
  return played;
}

double Played::all_cpu_us() const {
  double sum = 0;
  for (const auto& [pid, us] : cpu_us) sum += us;
  return sum;
}

Crowd::Crowd(std::uint64_t count, std::vector<std::string> words)
    : process_({.command = command(count, words), .env = {}, .folder = {}, .log = {}}) {
  const std::string all = " " + std::to_string(count) + "/" + std::to_string(count) + " in ";
  if (!process_.wait_for_output(all, kMost))
    throw std::runtime_error("a crowd does not come in:\n" + process_.output());
}

Crowd::~Crowd() {
  process_.terminate();
  (void)process_.wait();
}

}  // namespace cm::bench
