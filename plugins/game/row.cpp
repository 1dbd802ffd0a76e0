#include "game.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

using cellmesh::ServiceId;
using cellmesh::Status;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view table = "players";
constexpr std::string_view unreadable = "the row cannot be read";
constexpr std::chrono::milliseconds call_timeout = 1500ms;
constexpr std::chrono::milliseconds first_retry = 50ms;
constexpr std::chrono::milliseconds last_retry = 800ms;
constexpr std::chrono::milliseconds save_retry = 5s;
constexpr int max_writes = 8;

void set_key(proto::DataKey& key, const std::string& uid) {
  key.set_table(std::string(table));
  key.set_key(uid);
}

}  // namespace

template <auto Handler, typename Req>
Status Game::ask_data(const std::string& uid, Player& player, const Req& req) {
  const ServiceId data = directory().pick("data");
  if (!data) return Status::unavailable;
  const Status sent = call<Handler>({.client = {}, .timeout = call_timeout}, data, req, uid, ++calls_);
  if (sent == Status::ok) player.set_call(calls_);
  return sent;
}

void Game::load_row(const std::string& uid, Player& player) {
  proto::LoadDataREQ req;
  set_key(*req.add_keys(), uid);
  const Status sent = ask_data<&Game::on_loaded>(uid, player, req);
  if (sent == Status::ok) return;
  failed(uid, player, to_string(sent));
}

void Game::on_loaded(const proto::LoadDataACK& ack, Status status, const std::string& uid, std::uint64_t call) {
  auto* player = players_.edit(uid);
  if (player == nullptr || player->call() != call) return;
  player->set_call(0);
  if (status != Status::ok || ack.result() != proto::DataOk || ack.rows_size() != 1) {
    return failed(uid, *player, status != Status::ok ? to_string(status) : std::string_view(ack.text()));
  }
  if (!take_row(uid, *player, ack.rows(0))) return failed(uid, *player, unreadable);
  go_on(uid);
}

void Game::save_row(const std::string& uid, Player& player, proto::PlayerData next, const growth::Changes& changes) {
  proto::GameWrite& write = *player.add_writes();
  write.set_mark(random_());
  write.set_version(player.version());
  if (player.version() != 0) write.set_experience(player.experience());
  write.mutable_changes()->Add(changes.begin(), changes.end());
  if (player.writes_size() > max_writes) player.mutable_writes()->DeleteSubrange(0, 1);
  growth::mark(next, write.mark());
  const auto req = save_of(uid, player.version(), next);
  *player.mutable_next() = std::move(next);
  const Status sent = ask_data<&Game::on_saved>(uid, player, req);
  if (sent == Status::ok) return;
  player.mutable_writes()->RemoveLast();
  failed(uid, player, to_string(sent));
}

void Game::on_saved(const proto::SaveDataACK& ack, Status status, const std::string& uid, std::uint64_t call) {
  auto* player = players_.edit(uid);
  if (player == nullptr || player->call() != call) return;
  player->set_call(0);
  if (status == Status::ok && ack.result() == proto::DataOk && ack.versions_size() == 1) {
    *player->mutable_data() = std::move(*player->mutable_next());
    player->clear_next();
    player->set_version(ack.versions(0));
    player->set_failures(0);
    saved(uid, *player, player->writes(player->writes_size() - 1), player->version());
    player->clear_writes();  // of the others none can come to pass any more: they were for an older version
    return go_on(uid);
  }
  player->clear_next();
  if (status == Status::ok && ack.result() == proto::DataConflict) {
    conflicts_.add();
    if (!take_row(uid, *player, ack.found())) return failed(uid, *player, unreadable);
    return go_on(uid);
  }
  const bool unsure = status != Status::ok || ack.unsure();
  if (unsure) {
    player->set_known(false);
  } else {
    player->mutable_writes()->RemoveLast();
  }
  failed(uid, *player, status != Status::ok ? to_string(status) : std::string_view(ack.text()));
}

bool Game::take_row(const std::string& uid, Player& player, const proto::DataRow& row) {
  proto::PlayerData data;
  if (!data.ParseFromString(row.value()) || (row.version() != 0 && data.level() == 0)) {
    log().error("the row of {} is no player's", uid);
    player.set_known(false);
    return false;
  }
  *player.mutable_data() = std::move(data);
  player.set_version(row.version());
  player.set_known(true);
  player.set_failures(0);
  auto& writes = *player.mutable_writes();
  for (int i = 0; i < writes.size();) {
    const std::uint64_t version = growth::version_of(player.data(), row.version(), writes[i].mark());
    if (version != 0) saved(uid, player, writes[i], version);
    if (version != 0 || writes[i].version() != row.version()) {
      writes.DeleteSubrange(i, 1);
    } else {
      ++i;  // it may come to pass yet
    }
  }
  return true;
}

void Game::saved(const std::string& uid, Player& player, const proto::GameWrite& write, std::uint64_t version) {
  player.set_experience(player.experience() - std::min(player.experience(), write.experience()));
  for (const auto& change : write.changes()) {
    const bool less = change.after() < change.before();
    const auto amount = less ? change.before() - change.after() : change.after() - change.before();
    audit({{"uid", uid},
           {"what", change.what()},
           {"amount", (less ? "-" : "") + std::to_string(amount)},
           {"coins_before", change.before()},
           {"coins_after", change.after()},
           {"request_id", change.request_id()},
           {"version", version}});
    if (less) level_ups_.add();
  }
}

void Game::failed(const std::string& uid, Player& player, std::string_view why) {
  failures_.add();
  log().debug("the row of {}: {}", uid, why);
  player.set_failures(player.failures() + 1);
  if (player.tasks().empty()) {
    player.set_save_at_ms((now() + save_retry).count());
  } else {
    const auto delay = first_retry * (1U << std::min(player.failures() - 1, 4U));
    player.set_retrying(static_cast<bool>(after<&Game::on_retry>(std::min(delay, last_retry), uid)));
  }
}

void Game::on_retry(const std::string& uid) {
  auto* player = players_.edit(uid);
  if (player == nullptr) return;
  player->set_retrying(false);
  go_on(uid);
}

proto::SaveDataREQ Game::save_of(const std::string& uid, std::uint64_t version, const proto::PlayerData& data) {
  proto::SaveDataREQ req;
  proto::DataWrite& write = *req.add_writes();
  set_key(*write.mutable_key(), uid);
  write.set_version(version);
  data.SerializeToString(write.mutable_value());
  return req;
}
