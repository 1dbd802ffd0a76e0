#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace cm::bench {

// What robots of the bench do: `cellmesh bots` with these words, besides --count and --json.
struct Load {
  std::uint64_t count = 1;
  std::string series;  // that is counted: one of what the robots measure
  std::vector<std::string> words;
};

// What came of it, in the middle of the run: from when all were in for the first time to its end.
struct Played {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  std::uint64_t errors = 0;        // that robots had and came over
  std::map<pid_t, double> cpu_us;  // of each process that was watched, for each of what was counted
  [[nodiscard]] double all_cpu_us() const;
};

// All log in at once, and again where they are refused: the rate is that of all until the last is in, latencies are
// those of the logins that succeeded, and CPU that of the whole run.
Played storm(std::uint64_t count, const std::vector<std::string>& words, const std::vector<pid_t>& watched);

// One run to its end. Throws with what it says when robots had errors, or it takes too long.
Played play(const Load& load, const std::vector<pid_t>& watched);

// Robots that are in and silent, until this goes.
class Crowd {
 public:
  Crowd(std::uint64_t count, std::vector<std::string> words);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

 private:
  test::Process process_;
};

}  // namespace cm::bench
