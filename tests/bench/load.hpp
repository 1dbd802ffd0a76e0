#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/histogram.hpp"
#include "bench/meter.hpp"
#include "support/client.hpp"

namespace cm::bench {

struct Result {
  std::uint64_t messages = 0;  // round trips, or deliveries
  double seconds = 0;
  Histogram latency;   // ns
  Meter::Spent spent;  // of the process that was watched
};

// Every client has one `request` on its way at any time; its answer must be as long as `answer_size`. Counts after
// `warm_up` for `duration`. Throws when the other side goes silent.
Result echo_load(std::vector<test::Client>& clients, const std::string& request, std::size_t answer_size,
                 std::chrono::milliseconds warm_up, std::chrono::milliseconds duration, pid_t watched);

// The first client sends `request`; the next is sent when every client has received its `answer_size` bytes, and the
// first one `own_answer` besides.
Result broadcast_load(std::vector<test::Client>& clients, const std::string& request, std::size_t answer_size,
                      std::size_t own_answer, std::chrono::milliseconds warm_up, std::chrono::milliseconds duration,
                      pid_t watched);

}  // namespace cm::bench
