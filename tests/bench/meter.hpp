#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace cm::bench {

// What a process, all of its threads together, spent between start() and stop(). On processes of the same user, or
// as root; instructions only where the machine counts them.
class Meter {
 public:
  explicit Meter(pid_t pid);
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  void start();
  struct Spent {
    std::uint64_t cpu_ns = 0;
    std::optional<std::uint64_t> instructions;  // user and kernel
  };
  [[nodiscard]] Spent stop();

  // Resident memory in bytes; and what of it is the process's alone.
  [[nodiscard]] static std::uint64_t resident(pid_t pid);
  [[nodiscard]] static std::uint64_t own_memory(pid_t pid);
  // What it has spent so far.
  [[nodiscard]] static std::uint64_t cpu_ns(pid_t pid);

 private:
  const pid_t pid_;
  std::vector<int> counters_;  // one a thread that existed at start(); later ones inherit
  bool counting_ = false;
  std::uint64_t started_ns_ = 0;
};

}  // namespace cm::bench
