#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/log_limit.hpp"

namespace cm::base {

// Limits log lines by cause, so that whatever a peer, a client or an operator's data repeats at will cannot fill a
// disk. A cause is a place in the source code and, where one place speaks for several (services, hooks), a subject.
// Each cause may write a burst of lines at once and then one every few seconds. Lines left out are counted and told.
// Memory is bounded: with too many subjects, those of a place share one budget. [any thread]
class LogLimits {
 public:
  using Clock = std::chrono::steady_clock;
  using Limit = LogLimit;
  // A place is known by the address of its file's name and its line.
  struct Cause {
    const char* file = nullptr;
    std::uint32_t line = 0;
    std::size_t subject = 0;  // hash; 0: none
    friend bool operator==(const Cause&, const Cause&) = default;
  };
  struct Verdict {
    bool write = true;
    std::uint64_t left_out = 0;  // lines since the last one that was written
  };
  struct LeftOut {
    std::size_t room = 0;
    int level = 0;
    std::uint64_t lines = 0;
    std::string like;  // the start of the last line that was written
  };

  static constexpr std::size_t kMaxCauses = 2048;

  Verdict take(const Cause& cause, const Limit& limit, Clock::time_point now);
  // Remembers what the lines of this cause look like, for who hears of those left out.
  void written(const Cause& cause, std::size_t room, int level, std::string_view text);
  // Takes what was left out of causes that have been quiet for `quiet`.
  std::vector<LeftOut> take_left_out(Clock::time_point now, Clock::duration quiet);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Hash {
    std::size_t operator()(const Cause& cause) const;
  };
  struct Budget {
    double lines = 0;
    Limit limit;
    Clock::time_point filled;  // when a line was asked for last
    std::uint64_t left_out = 0;
    std::size_t room = 0;
    int level = 0;
    std::string like;
  };

  Budget& budget(Cause cause, const Limit& limit, Clock::time_point now);
  static double lines_at(const Budget& budget, Clock::time_point now);

  mutable std::mutex mutex_;
  std::unordered_map<Cause, Budget, Hash> budgets_;  // guarded by mutex_
};

}  // namespace cm::base
