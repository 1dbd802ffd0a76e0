#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cm::bench {

// How much is measured.
struct GamePlan {
  int seconds = 5;  // of each run
  int rounds = 3;   // of round trips, in turns; medians
  int storm = 2000;
  int idle = 2000;
  int hearers = 500;
};

// A line of the table.
struct Figure {
  std::string what;
  double ours = 0;
  std::string unit;
  std::optional<double> p50_us = {}, p99_us = {}, cpu_us = {};
  std::string peer = {};
  std::optional<double> theirs = {};
};

// Each starts what it needs, and ends it. Progress goes to standard error.
std::vector<Figure> rates(const GamePlan& plan);  // logins, levels on SQLite, chat
Figure levels_on_postgres(const GamePlan& plan);
std::vector<Figure> transports(const GamePlan& plan);  // round trips and memory, beside haproxy

}  // namespace cm::bench
