#include "game.hpp"

#include <utility>

using cellmesh::Status;
using namespace std::chrono_literals;

void Game::start() {
  directory().set_load(0);
  start_ticking();
}

void Game::stop() { save_gains_at_last(); }

void Game::save(proto::GameState& state) const {
  state.set_calls(calls_);
  state.set_ticking(ticking_);
}

void Game::load(const proto::GameState& state) {
  calls_ = state.calls();
  ticking_ = state.ticking();
}

void Game::resumed() {
  if (!ticking_) start_ticking();
}

Status Game::on(const proto::EnterGameREQ& req, Client client) {
  if (!request().waits()) return Status::refused;
  if (!growth::is_uid(req.uid())) {
    proto::EnterGameACK ack;
    ack.set_result(proto::BadName);
    ack.set_text("a uid is 1 to 32 of a-z, A-Z, 0-9, \"-\", \"_\" and \".\"");
    return reply(ack);
  }
  if (const auto* player = players_.find(req.uid()); player != nullptr && player->tasks_size() >= max_tasks) {
    refuse(task(Task::Enter), proto::TooFast, too_fast);
    return Status::ok;
  }
  join(client, req.uid());
  players_[req.uid()].set_known(false);  // another game may have changed it since
  queue(req.uid(), task(Task::Enter));
  return Status::ok;
}

void Game::on(const proto::PlayerREQ& /*req*/, Client client) { take(client, task(Task::Show)); }

void Game::on(const proto::LevelUpREQ& req, Client client) {
  Task level_up = task(Task::LevelUp);
  if (req.request_id().empty() || req.request_id().size() > growth::max_request_id) {
    return refuse(level_up, proto::BadRequestId, "a request id is 1 to 64 bytes");
  }
  level_up.set_request_id(req.request_id());
  take(client, std::move(level_up));
}

void Game::on_client_closed(Client client, cellmesh::CloseReason /*reason*/) {
  const auto* row = clients_.find(client);
  if (row == nullptr) return;
  const std::string uid = row->uid();
  clients_.erase(client);
  leave(uid);
}

Game::Task Game::task(Task::What what) const {
  Task made;
  made.set_what(what);
  made.set_request(request().bytes());
  made.set_deadline_ms((now() + patience).count());
  return made;
}

void Game::take(Client client, Task task) {
  const auto* known = clients_.find(client);
  if (known != nullptr && !known->uid().empty()) return queue(std::string(known->uid()), std::move(task));
  if (known == nullptr) {
    proto::WhoIsREQ who;
    who.set_id(static_cast<std::int64_t>(client.session()));
    if (call<&Game::on_who>({.client = {}, .timeout = patience}, client.agent(), who, client) != Status::ok) {
      return refuse(task, proto::NotInGame, "your gateway cannot be asked who you are");
    }
  }
  proto::GameClient& row = clients_[client];
  if (row.tasks_size() >= max_tasks) return refuse(task, proto::TooFast, too_fast);
  *row.add_tasks() = std::move(task);
}

void Game::on_who(const proto::WhoIsACK& ack, Status status, Client client) {
  auto* row = clients_.edit(client);
  if (row == nullptr || !row->uid().empty()) return;
  const auto tasks = std::move(*row->mutable_tasks());
  if (status != Status::ok || !growth::is_uid(ack.uid())) {
    clients_.erase(client);
    for (const auto& task : tasks) refuse(task, proto::NotInGame, "you are not known here; log in again");
    return;
  }
  join(client, ack.uid());
  for (const auto& task : tasks) queue(ack.uid(), task);
}

void Game::join(Client client, const std::string& uid) {
  proto::GameClient& row = clients_[client];
  if (row.uid() == uid) return;
  const std::string before = std::exchange(*row.mutable_uid(), uid);
  const auto tasks = std::move(*row.mutable_tasks());
  Player& player = players_[uid];
  if (player.clients() == 0) player.set_gains_at_ms((now() + minute).count());
  player.set_clients(player.clients() + 1);
  report_load_soon();
  for (const auto& task : tasks) queue(uid, task);
  leave(before);
}

void Game::leave(const std::string& uid) {
  auto* player = players_.edit(uid);
  if (player == nullptr || player->clients() == 0) return;
  player->set_clients(player->clients() - 1);
  player->set_left_at_ms(now().count());
  go_on(uid);
}

void Game::report_load_soon() {
  if (!load_timer_) load_timer_ = after<&Game::report_load>(200ms);
}

void Game::report_load() {
  load_timer_ = {};
  directory().set_load(players_.size());
}

CELLMESH_PLUGIN(Game)
