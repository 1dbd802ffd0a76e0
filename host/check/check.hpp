#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "check/test.hpp"

namespace cm::check {

// From where random inputs begin, when nobody says otherwise.
inline constexpr std::uint64_t kSeed = 20'180'914;

struct Options {
  std::filesystem::path file;          // the plugin
  std::vector<std::string> only;       // ids; those that they come after are run too. Empty: all
  std::uint64_t seed = kSeed;          // of random inputs
  unsigned at_once = 2;                // processes
  std::chrono::seconds time_limit{0};  // of a test; 0: each its own
};

enum class Verdict : std::uint8_t { ok, failed, skipped };

struct Finding {
  const Test* test = nullptr;
  Verdict verdict = Verdict::skipped;
  bool blocks = false;  // those after it say nothing
  std::string why;      // it failed, with the cure, or was skipped
  std::string
      output;  // the first and last lines of what the plugin printed, and of where it crashed; of a failed one only
  std::chrono::milliseconds took{0};
};

// Runs the tests on a copy of the file, each in a process of its own with bounds on its time and memory, and finds in
// their order. Fails when the file cannot be copied, or an id is none. Blocks. For a process of one thread, as it
// forks.
base::Result<std::vector<Finding>> check(const Options& options);

}  // namespace cm::check
