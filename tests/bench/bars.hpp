#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cm::bench {

// Something measured, and the limit that it is held to.
struct Bar {
  std::string what;
  std::optional<double> measured;
  double limit = 0;
  enum class Kind { at_most, below, goal } kind = Kind::at_most;  // a goal is missed without harm
  [[nodiscard]] bool held() const;                                // also when it was not counted
};

// Those of round trips, where they stand: at 50 connections, and at 64 bytes. `cpu` and `p99` are shares of haproxy's.
void add_trip_bars(std::vector<Bar>& bars, int connections, int size, std::optional<double> instructions,
                   std::optional<double> cpu, std::optional<double> p99);
Bar delivery_bar(std::optional<double> instructions);
Bar idle_bar(double clients, std::optional<double> bytes_each);

// A line for each: what was measured, the bar, held or MISSED.
std::string verdicts(const std::vector<Bar>& bars);
bool all_held(const std::vector<Bar>& bars);

}  // namespace cm::bench
