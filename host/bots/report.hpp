#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "bots/deliveries.hpp"
#include "bots/stats.hpp"

namespace cm::bots {

// What a run came to, as plain data for people and programs.
struct Report {
  bool passed = false;
  std::string headline;  // why, in a sentence
  std::vector<std::pair<std::string, std::string>> parameters;
  double seconds = 0;
  std::uint64_t robots = 0;
  std::uint64_t entered = 0, sent = 0, received = 0, errors = 0;
  std::uint64_t lines = 0, lines_taken = 0, deliveries = 0, lines_unchecked = 0;
  double cpu_seconds = 0;               // of the process that ran them
  std::uint64_t memory_kib = 0;         // at most, of the same
  std::uint64_t memory_kib_before = 0;  // before the first robot
  std::vector<std::pair<std::string, Histogram>> series;
  std::vector<std::pair<std::string, Stats::Error>> errors_by_kind;
  std::vector<std::pair<std::string, Check>> checks;
  std::vector<std::pair<std::string, std::int64_t>> counters;
  std::vector<Sample> samples;
};

class Run;

// Of a run that is over. `parameters` are shown as they are.
Report make_report(const Run& run, std::vector<std::pair<std::string, std::string>> parameters,
                   std::uint64_t memory_kib_before);
// The verdict follows from the checks; called again when one was added.
void judge(Report& report);

boost::json::object to_json(const Report& report);
// For a terminal.
std::string to_text(const Report& report);
// One file that needs no other.
std::string to_html(const Report& report);

// 950 µs, 12.3 ms, 4.56 s.
std::string format_us(std::uint64_t us);
// Kilobytes that this process holds now.
std::uint64_t resident_kib();

}  // namespace cm::bots
