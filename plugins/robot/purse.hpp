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
    std::uint64_t experience = 0;
  };
  // The coins that experience brings, as the game's settings have it.
  struct Reward {
    std::uint64_t step = 0;
    std::uint64_t coins = 0;
  };

  void set_reward(const Reward& reward) { reward_ = reward; }

  // What the game says the player has. The first time it is where the count begins; later, why it is wrong, if it is.
  // While a purchase is open nobody can tell.
  std::string look(const Player& now) {
    if (!first_) {
      first_ = now;
      rewarded_ = now.experience;
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
    rewarded_ = now.experience;  // a purchase is stored with all that was gained before
    return compare(now);
  }
  // It came to nothing.
  void refused() { open_.clear(); }

  [[nodiscard]] std::uint64_t spent() const { return spent_; }
  // A new player when it was first looked at.
  [[nodiscard]] bool fresh() const { return first_ && first_->level == 1; }
  // The fewest coins that it can have.
  [[nodiscard]] Player expected() const {
    const Player from = first_.value_or(Player{});
    return {from.level + levels_, from.coins + rewards(rewarded_) - spent_, rewarded_};
  }

 private:
  [[nodiscard]] std::uint64_t rewards(std::uint64_t experience) const {
    if (!first_ || reward_.step == 0) return 0;
    const std::uint64_t steps = experience / reward_.step, before = first_->experience / reward_.step;
    return steps > before ? (steps - before) * reward_.coins : 0;
  }
  // Experience that is not stored yet brings its coins later.
  [[nodiscard]] std::string compare(const Player& now) const {
    const Player wanted = expected();
    const std::uint64_t most = wanted.coins + rewards(now.experience) - rewards(rewarded_);
    if (now.level == wanted.level && now.coins >= wanted.coins && now.coins <= most) return {};
    return "level " + std::to_string(now.level) + " and " + std::to_string(now.coins) +
           " coins, and it paid for level " + std::to_string(wanted.level) + " and has " +
           std::to_string(wanted.coins) + " coins left";
  }

  Reward reward_;
  std::optional<Player> first_;
  std::string open_;
  std::uint64_t bought_ = 0;
  std::uint32_t levels_ = 0;
  std::uint64_t spent_ = 0;
  std::uint64_t rewarded_ = 0;  // experience whose coins were told
};

}  // namespace robot
