#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/player.hpp"

namespace cm::soak {

// Players who send numbered messages at a rate, and check that each is answered, once and in order, by a game that
// forgot none, and that each request made on their behalf comes back. One thread each.
class Players {
 public:
  Players(const std::string& login_address, int players, int messages_a_second);
  Players(const Players&) = delete;
  Players& operator=(const Players&) = delete;
  ~Players();

  // They send no more; what they sent is waited for.
  void stop();

  struct Sum {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::uint64_t events_due = 0;
    std::uint64_t events = 0;
    std::vector<std::string> failures;  // of a player each, which ended it
  };
  // While they play only `answered` is known.
  [[nodiscard]] Sum sum() const;

 private:
  class Player;
  std::vector<std::unique_ptr<Player>> players_;
};

}  // namespace cm::soak
