#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace cm::plugin {

// What a reload came to, step by step.
struct ReloadReport {
  struct Step {
    std::string name;  // "read", "copy", "rehearse", "open", "prepare", "switch", "close"
    std::chrono::microseconds took{0};
    std::string note;
  };

  base::Status status;  // an error: it was refused at the last step, and the old generation serves
  std::string plugin;
  std::uint64_t from = 0;  // generations
  std::uint64_t to = 0;
  std::string from_version;
  std::string to_version;
  std::vector<Step> steps;
  std::chrono::microseconds pause{0};  // between two messages, of the service that had the longest
};

}  // namespace cm::plugin
