#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace cm::soak {

// `cellmesh bots --scenario life` as a child process, followed by the line that it writes each second.
class Robots {
 public:
  struct Options {
    std::string login;
    std::string database;
    std::filesystem::path report;
    std::uint64_t count = 0;
    test::seconds bound;        // of their play, when nobody ends it
    std::string settings = {};  // as --set takes them
  };
  explicit Robots(const Options& options);

  struct Progress {
    std::uint64_t lines = 0;      // so far
    std::uint64_t in = 0;         // robots, at the last one
    std::uint64_t purchases = 0;  // the last line that tells of some
  };
  // As it is now; prints a line of five.
  const Progress& look();
  [[nodiscard]] bool running() { return process_.running(); }
  // They begin nothing new, and are judged.
  void finish() { process_.signal(2); }

  // Of those that came to their end: what does not hold, in words; empty when all does. Prints the report.
  std::vector<std::string> judge();

 private:
  const std::uint64_t count_;
  test::Process process_;
  std::size_t read_ = 0;  // of its output
  Progress progress_;
};

}  // namespace cm::soak
