#include "bots/report.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include <boost/json/array.hpp>

#include "bots/run.hpp"

namespace cm::bots {
namespace json = boost::json;

namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

template <class Map>
auto pairs(const Map& map) {
  using Value = typename Map::mapped_type;
  return std::vector<std::pair<std::string, Value>>(map.begin(), map.end());
}

std::string padded(std::string text, std::size_t width, bool right = false) {
  std::size_t shown = 0;
  for (const char c : text) shown += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  if (shown < width) text.insert(right ? 0 : text.size(), width - shown, ' ');
  return text;
}

std::string rate(std::uint64_t n, double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f/s", seconds > 0 ? static_cast<double>(n) / seconds : 0);
  return text.data();
}

json::object latency_json(const Histogram& h) {
  return {{"count", h.count()},
          {"mean_us", h.mean()},
          {"p50_us", h.percentile(0.5)},
          {"p90_us", h.percentile(0.9)},
          {"p99_us", h.percentile(0.99)},
          {"p999_us", h.percentile(0.999)},
          {"max_us", h.max()}};
}

}  // namespace

std::string format_us(std::uint64_t us) {
  std::array<char, 32> text{};
  const auto value = static_cast<double>(us);
  if (us < 1'000) return std::to_string(us) + " µs";
  if (us < 1'000'000) {
    std::snprintf(text.data(), text.size(), us < 10'000 ? "%.2f ms" : "%.1f ms", value / 1e3);
  } else {
    std::snprintf(text.data(), text.size(), "%.2f s", value / 1e6);
  }
  return text.data();
}

std::uint64_t resident_kib() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  in >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

Report make_report(const Run& run, std::vector<std::pair<std::string, std::string>> parameters,
                   std::uint64_t memory_kib_before) {
  const Stats& stats = run.stats();
  Report r;
  r.parameters = std::move(parameters);
  r.seconds = stats.samples().empty() ? 0 : stats.samples().back().at;
  r.robots = run.started();
  r.entered = stats.entered;
  r.sent = stats.sent;
  r.received = stats.received;
  r.errors = stats.errors;
  r.lines = run.deliveries().lines();
  r.lines_taken = run.deliveries().taken();
  r.deliveries = run.deliveries().deliveries();
  r.lines_unchecked = run.deliveries().unchecked();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  r.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  r.memory_kib = static_cast<std::uint64_t>(usage.ru_maxrss);
  r.memory_kib_before = memory_kib_before;
  r.series = pairs(stats.series());
  r.errors_by_kind = pairs(stats.errors_by_kind());
  std::sort(r.errors_by_kind.begin(), r.errors_by_kind.end(),
            [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  r.checks = pairs(stats.checks());
  r.counters = run.counters();
  r.samples = stats.samples();
  judge(r);
  return r;
}

void judge(Report& report) {
  std::string failed;
  std::size_t n = 0;
  for (const auto& [name, check] : report.checks) {
    if (check.failed == 0) continue;
    failed += (n++ == 0 ? "" : "; ") + name;
  }
  report.passed = n == 0 && report.robots > 0;
  report.headline = report.passed ? "every check held" : "does not hold: " + failed;
  if (report.robots == 0) report.headline = "no robot was started";
}

json::object to_json(const Report& r) {
  json::object out{{"verdict", r.passed ? "pass" : "fail"},
                   {"why", r.headline},
                   {"seconds", r.seconds},
                   {"robots", r.robots},
                   {"entered", r.entered},
                   {"sent", r.sent},
                   {"received", r.received},
                   {"errors", r.errors},
                   {"lines", r.lines},
                   {"lines_taken", r.lines_taken},
                   {"lines_unchecked", r.lines_unchecked},
                   {"deliveries", r.deliveries},
                   {"cpu_seconds", r.cpu_seconds},
                   {"memory_kib", r.memory_kib},
                   {"memory_kib_before", r.memory_kib_before}};
  json::object parameters, latencies, errors, checks, counters;
  for (const auto& [name, value] : r.parameters) parameters[name] = value;
  for (const auto& [name, histogram] : r.series) latencies[name] = latency_json(histogram);
  for (const auto& [kind, error] : r.errors_by_kind) {
    errors[kind] = {{"count", error.count}, {"example", error.example}};
  }
  for (const auto& [name, check] : r.checks) {
    checks[name] = {{"held", check.held},
                    {"failed", check.failed},
                    {"examples", json::array(check.examples.begin(), check.examples.end())}};
  }
  for (const auto& [name, value] : r.counters) counters[name] = value;
  json::array samples;
  for (const auto& s : r.samples) {
    json::object of;
    for (const auto& [series, l] : s.latencies) {
      of[series] = {{"count", l.count}, {"p50_us", l.p50}, {"p99_us", l.p99}, {"max_us", l.max}};
    }
    samples.push_back({{"at", s.at},
                       {"seconds", s.seconds},
                       {"online", s.online},
                       {"entered", s.entered},
                       {"sent", s.sent},
                       {"received", s.received},
                       {"errors", s.errors},
                       {"latencies", std::move(of)}});
  }
  out["parameters"] = std::move(parameters);
  out["latencies"] = std::move(latencies);
  out["errors_by_kind"] = std::move(errors);
  out["checks"] = std::move(checks);
  out["counters"] = std::move(counters);
  out["samples"] = std::move(samples);
  return out;
}

std::string to_text(const Report& r) {
  std::string out = std::to_string(r.robots) + " robots in " + std::to_string(static_cast<int>(r.seconds)) +
                    " s: " + std::to_string(r.entered) + " entered, " + std::to_string(r.sent) + " messages sent (" +
                    rate(r.sent, r.seconds) + "), " + std::to_string(r.received) + " received (" +
                    rate(r.received, r.seconds) + ")\n";
  if (!r.series.empty()) {
    out += "\nLATENCY            COUNT        P50        P90        P99      P99.9        MAX\n";
    for (const auto& [name, h] : r.series) {
      out += padded(name, 12) + padded(std::to_string(h.count()), 12, true);
      for (const double share : {0.5, 0.9, 0.99, 0.999}) out += padded(format_us(h.percentile(share)), 11, true);
      out += padded(format_us(h.max()), 11, true) + "\n";
    }
  }
  if (!r.errors_by_kind.empty()) {
    out += "\nERRORS\n";
    for (const auto& [kind, error] : r.errors_by_kind) {
      out += padded(std::to_string(error.count), 8, true) + "  " + kind + "; " + error.example + "\n";
    }
  }
  out += "\nCHECKS\n";
  for (const auto& [name, check] : r.checks) {
    out += std::string(check.failed == 0 ? "  ok      " : "  FAILED  ") + name + ": " + std::to_string(check.held) +
           " held" + (check.failed == 0 ? "" : ", " + std::to_string(check.failed) + " did not") + "\n";
    for (const auto& example : check.examples) out += "            " + example + "\n";
  }
  return out + "\nverdict: " + (r.passed ? "pass" : "fail") + ", " + r.headline + "\n";
}

}  // namespace cm::bots
