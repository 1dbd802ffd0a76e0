#pragma once

#include <vector>

namespace cm::bench {

// What is measured, how often and for how long.
struct Plan {
  int rounds = 5;
  int ms = 2000;
  int warm_up_ms = 300;
  std::vector<int> connections{1, 50, 500};
  std::vector<int> sizes{64, 512};  // bytes of a whole frame
  int broadcast_clients = 1000;
  int idle_clients = 10'000;
};

}  // namespace cm::bench
