#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bots/histogram.hpp"

namespace cm::bots {

// What happened in one stretch of the run.
struct Sample {
  double at = 0;       // seconds since the run began, the stretch's end
  double seconds = 0;  // its length
  std::uint64_t online = 0;
  std::uint64_t entered = 0;  // in it
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t errors = 0;
  struct Latency {
    std::uint64_t count = 0;
    std::uint64_t p50 = 0, p99 = 0, max = 0;  // microseconds
  };
  std::map<std::string, Latency> latencies;  // by series
};

// A check by name: how often it held, and why it did not.
struct Check {
  std::uint64_t held = 0;
  std::uint64_t failed = 0;
  std::vector<std::string> examples = {};  // the first
};

// What a run counts. One thread.
class Stats {
 public:
  // Names beyond the bounds go to "others".
  void measure(std::string_view series, std::uint64_t us);
  void error(std::string_view kind, std::string_view text);
  void check(std::string_view name, bool held, std::string_view why);
  // A check that is shown also when nothing came to be checked.
  void declare_check(std::string_view name) { (void)checks_[std::string(name)]; }

  // Closes a stretch.
  void sample(double at, std::uint64_t online);

  std::uint64_t entered = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t errors = 0;

  struct Error {
    std::uint64_t count = 0;
    std::string example;
  };
  [[nodiscard]] const std::map<std::string, Histogram, std::less<>>& series() const { return series_; }
  [[nodiscard]] const std::map<std::string, Error, std::less<>>& errors_by_kind() const { return errors_; }
  [[nodiscard]] const std::map<std::string, Check, std::less<>>& checks() const { return checks_; }
  [[nodiscard]] const std::vector<Sample>& samples() const { return samples_; }

 private:
  static constexpr std::size_t kMostNames = 64;
  static constexpr std::size_t kMostSamples = 1200;

  std::map<std::string, Histogram, std::less<>> series_;
  std::map<std::string, Histogram, std::less<>> now_;  // of the stretch that is open
  std::map<std::string, Error, std::less<>> errors_;
  std::map<std::string, Check, std::less<>> checks_;
  std::vector<Sample> samples_;
  Sample begun_;  // the counts when the open stretch began
};

}  // namespace cm::bots
