#include "game.hpp"

#include <chrono>
#include <vector>

using cellmesh::ServiceId;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds parting = 60s;  // for what a player who left gained

}  // namespace

void Game::start_ticking() { ticking_ = static_cast<bool>(every<&Game::tick>(1s)); }

void Game::tick() {
  const std::int64_t time = now().count();
  std::vector<std::string> due;
  players_.for_each([&](const std::string& uid, const Player& player) {
    const bool waits = player.call() == 0 && !player.retrying() &&
                       (!player.tasks().empty() || player.clients() == 0 || save_is_due(player));
    if (waits || (player.clients() > 0 && player.gains_at_ms() <= time)) due.push_back(uid);
  });
  for (const std::string& uid : due) {
    if (auto* player = players_.edit(uid); player->clients() > 0 && player->gains_at_ms() <= time) {
      player->set_gains_at_ms(time + minute.count());
      gain(*player, settings().minute_experience());
    }
    go_on(uid);
  }
}

void Game::gain(Player& player, std::uint64_t experience) {
  if (experience == 0) return;
  if (player.experience() == 0) player.set_save_at_ms((now() + std::chrono::seconds(settings().save_sec())).count());
  player.set_experience(player.experience() + experience);
}

bool Game::save_is_due(const Player& player) const {
  return player.experience() > 0 && (player.clients() == 0 || player.save_at_ms() <= now().count());
}

bool Game::gave_up(const std::string& uid, const Player& player) {
  if (now() < std::chrono::milliseconds(player.left_at_ms()) + parting) return false;
  log().warn("{} left with {} experience that could not be saved", uid, player.experience());
  return true;
}

// There is no time to wait for answers.
void Game::save_gains_at_last() {
  players_.for_each([&](const std::string& uid, const Player& player) {
    if (player.experience() == 0 || player.call() != 0 || !player.known() || player.version() == 0) return;
    proto::PlayerData last = player.data();
    last.set_experience(last.experience() + player.experience());  // its reward comes with the next save
    growth::mark(last, random_());
    if (const ServiceId data = directory().pick("data")) send(data, save_of(uid, player.version(), last));
  });
}
