#include "growth.hpp"

#include <algorithm>
#include <limits>

namespace growth {
namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

void change(proto::PlayerData& player, std::string_view what, std::uint64_t after, const std::string& request_id,
            Changes& changes) {
  proto::CoinChange& one = changes.emplace_back();
  one.set_what(std::string(what));
  one.set_before(player.coins());
  one.set_after(after);
  one.set_request_id(request_id);
  player.set_coins(after);
}

// A grant that no number could hold is not made.
void grant(proto::PlayerData& player, std::string_view what, std::uint64_t coins, Changes& changes) {
  if (coins == 0 || coins > most - player.granted()) return;
  player.set_granted(player.granted() + coins);
  change(player, what, player.coins() + coins, {}, changes);
}

void reward(proto::PlayerData& player, const proto::GameSettings& settings, Changes& changes) {
  const std::uint64_t from = std::min(player.rewarded(), player.experience());
  player.set_rewarded(player.experience());
  if (settings.reward_step() == 0) return;
  const std::uint64_t steps = player.experience() / settings.reward_step() - from / settings.reward_step();
  if (settings.reward_coins() != 0 && steps > most / settings.reward_coins()) return;
  grant(player, "reward", steps * settings.reward_coins(), changes);
}

}  // namespace

std::uint64_t next_price(const proto::PlayerData& player, const proto::GameSettings& settings) {
  const std::uint64_t at = std::max<std::uint64_t>(player.level(), 1) - 1;
  return at < static_cast<std::uint64_t>(settings.prices_size()) ? settings.prices(static_cast<int>(at)) : 0;
}

proto::PlayerData new_player(const proto::GameSettings& settings, Changes& changes) {
  proto::PlayerData player;
  player.set_level(1);
  grant(player, "start", settings.start_coins(), changes);
  return player;
}

void gain(proto::PlayerData& player, std::uint64_t experience, const proto::GameSettings& settings, Changes& changes) {
  player.set_experience(player.experience() + std::min(experience, most - player.experience()));
  reward(player, settings, changes);
}

const proto::PlayerData::Answer* answer_to(const proto::PlayerData& player, const std::string& request_id) {
  const auto& answers = player.answers();
  const auto found = std::find_if(answers.begin(), answers.end(),
                                  [&](const auto& answer) { return answer.request_id() == request_id; });
  return found != answers.end() ? &*found : nullptr;
}

void level_up(proto::PlayerData& player, const std::string& request_id, const proto::GameSettings& settings,
              Changes& changes) {
  const std::uint64_t price = next_price(player, settings);
  proto::ResultCode result = proto::NoError;
  if (price == 0) {
    result = proto::HighestLevel;
  } else if (player.coins() < price) {
    result = proto::NotEnoughCoins;
  } else {
    player.set_level(player.level() + 1);
    player.set_spent(player.spent() + price);
    change(player, "price", player.coins() - price, request_id, changes);
    gain(player, settings.level_experience(), settings, changes);
  }
  auto& answers = *player.mutable_answers();
  const int kept = std::max(static_cast<int>(settings.remembered_answers()), 1) - 1;
  if (answers.size() > kept) answers.DeleteSubrange(0, answers.size() - kept);
  auto& answer = *answers.Add();
  answer.set_request_id(request_id);
  answer.set_result(result);
  answer.set_level(player.level());
  answer.set_coins(player.coins());
  answer.set_experience(player.experience());
  answer.set_price(price);
}

std::string text(const proto::PlayerData::Answer& answer) {
  const std::string level = std::to_string(answer.level());
  const std::string coins = std::to_string(answer.coins());
  switch (answer.result()) {
    case proto::NoError:
      return "level " + level + " for " + std::to_string(answer.price()) + " coins; you have " + coins;
    case proto::NotEnoughCoins:
      return "level " + std::to_string(answer.level() + 1) + " costs " + std::to_string(answer.price()) +
             " coins, and you have " + coins;
    case proto::HighestLevel:
      return "level " + level + " is the highest there is";
    default:
      return {};
  }
}

void mark(proto::PlayerData& player, std::uint64_t write) {
  auto& writes = *player.mutable_writes();
  if (writes.size() >= remembered_writes) writes.erase(writes.begin(), writes.end() - (remembered_writes - 1));
  writes.Add(write);
}

std::uint64_t version_of(const proto::PlayerData& player, std::uint64_t version, std::uint64_t write) {
  const auto& writes = player.writes();
  const auto found = std::find(writes.begin(), writes.end(), write);
  if (found == writes.end()) return 0;
  const auto since = static_cast<std::uint64_t>(writes.end() - found) - 1;
  return version > since ? version - since : 0;
}

}  // namespace growth
