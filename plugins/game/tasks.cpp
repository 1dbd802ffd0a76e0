#include "game.hpp"

#include <string_view>

using cellmesh::Client;
using cellmesh::Request;

namespace {

constexpr std::string_view away = "players cannot be read or saved now; nothing is lost, try the same again";

}  // namespace

void Game::queue(const std::string& uid, Task task) {
  Player& player = players_[uid];
  if (player.tasks_size() >= max_tasks) return refuse(task, proto::TooFast, too_fast);
  *player.add_tasks() = std::move(task);
  go_on(uid);
}

void Game::go_on(const std::string& uid) {
  for (;;) {
    auto* player = players_.edit(uid);
    if (player == nullptr || player->call() != 0) return;
    refuse_late_ones(uid, *player);
    if (player->retrying()) return;
    const bool idle = player->tasks().empty();
    if (idle && player->clients() == 0 && (player->experience() == 0 || gave_up(uid, *player))) {
      players_.erase(uid);
      return report_load_soon();
    }
    if (idle && !save_is_due(*player)) return;
    if (!player->known()) return load_row(uid, *player);
    growth::Changes changes;
    if (player->version() == 0) return save_row(uid, *player, growth::new_player(settings(), changes), changes);
    proto::PlayerData next = player->data();
    growth::gain(next, player->experience(), settings(), changes);
    if (idle) return save_row(uid, *player, std::move(next), changes);
    const Task task = player->tasks(0);
    if (task.what() == Task::LevelUp && !growth::answer_to(player->data(), task.request_id())) {
      growth::level_up(next, task.request_id(), settings(), changes);
      return save_row(uid, *player, std::move(next), changes);
    }
    player->mutable_tasks()->DeleteSubrange(0, 1);
    answer(uid, *player, task);
  }
}

void Game::answer(const std::string& uid, const Player& player, const Task& task) {
  switch (task.what()) {
    case Task::LevelUp: {
      const auto& answer = *growth::answer_to(player.data(), task.request_id());
      proto::LevelUpACK ack;
      ack.set_result(answer.result());
      ack.set_request_id(answer.request_id());
      ack.set_level(answer.level());
      ack.set_coins(answer.coins());
      ack.set_experience(answer.experience());
      ack.set_price(answer.price());
      ack.set_text(growth::text(answer));
      reply(Request::from_bytes(task.request()), ack);
      return;
    }
    case Task::Show: {
      proto::PlayerACK ack;
      ack.set_uid(uid);
      ack.set_level(player.data().level());
      ack.set_coins(player.data().coins());
      ack.set_experience(player.data().experience() + player.experience());
      ack.set_next_price(growth::next_price(player.data(), settings()));
      reply(Request::from_bytes(task.request()), ack);
      return;
    }
    default:
      reply(Request::from_bytes(task.request()), proto::EnterGameACK());
  }
}

void Game::refuse(const Task& task, proto::ResultCode result, std::string_view why) {
  const auto say = [&](auto ack) {
    ack.set_result(result);
    ack.set_text(std::string(why));
    if constexpr (requires { ack.set_request_id(""); }) ack.set_request_id(task.request_id());
    reply(Request::from_bytes(task.request()), ack);
  };
  refused_.add();
  if (task.what() == Task::LevelUp) return say(proto::LevelUpACK());
  if (task.what() == Task::Show) return say(proto::PlayerACK());
  say(proto::EnterGameACK());
}

// Nothing is being done for any of them now. Whoever could not enter is not here.
void Game::refuse_late_ones(const std::string& uid, Player& player) {
  auto& tasks = *player.mutable_tasks();
  for (int i = 0; i < tasks.size();) {
    if (tasks[i].deadline_ms() > now().count()) {
      ++i;
      continue;
    }
    const Task late = tasks[i];
    tasks.DeleteSubrange(i, 1);
    refuse(late, proto::DataUnavailable, away);
    if (late.what() != Task::Enter) continue;
    const Client client = Request::from_bytes(late.request()).client();
    if (const auto* row = clients_.find(client); row == nullptr || row->uid() != uid) continue;
    clients_.erase(client);
    player.set_clients(player.clients() - 1);
  }
}
