#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace robot {

// What a robot has paid for and was told of, to compare with what the game says. One purchase is open at a time; it
// keeps its id until it is answered, however often the connection breaks.
class Purse {
 public:
  struct Player {
    std::uint32_t level = 0;
    std::uint64_t coins = 0;
  };

  // What the game says the player has. The first time it is where the count begins; later, why it is wrong, if it is.
  // While a purchase is open nobody can tell.
  std::string look(const Player& now) {
    if (!first_) {
      first_ = now;
      return {};
    }
    return open_.empty() ? compare(now) : std::string();
  }
  [[nodiscard]] bool known() const { return first_.has_value(); }

  // The id of the purchase that is open, or of a new one.
  const std::string& buy(const std::string& name) {
    if (open_.empty()) open_ = name + "-" + std::to_string(++bought_);
    return open_;
  }
  [[nodiscard]] bool open() const { return !open_.empty(); }
  [[nodiscard]] bool is_open(const std::string& id) const { return !id.empty() && id == open_; }

  // The open purchase was answered: paid, and what the player has now. Why that is wrong, if it is.
  std::string paid(std::uint64_t price, const Player& now) {
    open_.clear();
    ++levels_;
    spent_ += price;
    return compare(now);
  }
  // It came to nothing.
  void refused() { open_.clear(); }

  [[nodiscard]] std::uint32_t levels() const { return levels_; }
  [[nodiscard]] Player expected() const {
    const Player from = first_.value_or(Player{});
    return {from.level + levels_, from.coins - spent_};
  }

 private:
  [[nodiscard]] std::string compare(const Player& now) const {
    const Player wanted = expected();
    if (now.level == wanted.level && now.coins == wanted.coins) return {};
    return "level " + std::to_string(now.level) + " and " + std::to_string(now.coins) +
           " coins, and it paid for level " + std::to_string(wanted.level) + " and has " +
           std::to_string(wanted.coins) + " coins left";
  }

  std::optional<Player> first_;
  std::string open_;
  std::uint64_t bought_ = 0;
  std::uint32_t levels_ = 0;
  std::uint64_t spent_ = 0;
};

}  // namespace robot
