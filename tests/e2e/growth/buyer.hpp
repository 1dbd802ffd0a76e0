#pragma once

#include <sqlite3.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "game.pb.h"
#include "support/deployment.hpp"
#include "support/postgres.hpp"

namespace cm::test {

// One try: nothing when there is no answer for good, because something is away, say. Throws when the gateway closes.
inline std::optional<proto::LevelUpACK> try_to_buy(Client& client, const std::string& request_id) {
  proto::LevelUpREQ req;
  req.set_request_id(request_id);
  client.send(req);
  const auto deadline = Clock::now() + patience(seconds(1));
  while (Clock::now() < deadline) {
    std::optional<Frame> frame;
    try {
      frame = client.read(seconds(1));
    } catch (const std::exception&) {
      return std::nullopt;  // in time
    }
    if (!frame) throw std::runtime_error("closed");
    if (frame->is<proto::NoticeACK>()) return std::nullopt;  // its game is gone, or another one takes over
    if (!frame->is<proto::LevelUpACK>()) continue;
    auto ack = frame->as<proto::LevelUpACK>();
    if (ack.request_id() != request_id) continue;
    const bool final =
        ack.result() == proto::NoError || ack.result() == proto::NotEnoughCoins || ack.result() == proto::HighestLevel;
    return final ? std::optional(ack) : std::nullopt;
  }
  return std::nullopt;
}

// A player who asks for each level-up, by the same id, until it is answered for good, whatever dies meanwhile.
class Buyer {
 public:
  // Comes in by the transport of this login.
  Buyer(std::string login_address, std::string name) : login_(std::move(login_address)), name_(std::move(name)) {}

  // Throws when there is no answer within a very long time.
  proto::LevelUpACK buy(const std::string& request_id) {
    std::string last;
    const auto deadline = Clock::now() + patience(seconds(90));
    while (Clock::now() < deadline) {
      try {
        if (!client_) come_in();
        if (const auto ack = try_to_buy(*client_, request_id)) return *ack;
        last = "refused for now";
      } catch (const std::exception& e) {
        last = e.what();
        client_.reset();
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
    throw std::runtime_error(name_ + " cannot buy " + request_id + ": " + last);
  }
  // Its next one; true when it was paid.
  bool buy_next() {
    const auto ack = buy("r" + std::to_string(++asked_));
    if (ack.result() != proto::NoError) return false;
    ++paid_;
    levels_.insert(ack.level());
    return true;
  }

  void disconnect() { client_.reset(); }
  [[nodiscard]] const std::string& uid() const { return uid_; }
  [[nodiscard]] std::uint32_t paid() const { return paid_; }
  // None was told twice.
  [[nodiscard]] bool each_level_once() const { return levels_.size() == paid_; }
  [[nodiscard]] int entered() const { return entered_; }

 private:
  void come_in() {
    const auto login = log_in(login_, name_);
    client_.emplace(enter(ticket_of(login, transport_of(login_))));
    uid_ = login.uid();
    ++entered_;
  }

  const std::string login_;
  const std::string name_;
  std::string uid_;
  std::optional<Client> client_;
  std::uint32_t asked_ = 0;
  std::uint32_t paid_ = 0;
  std::set<std::uint32_t> levels_;
  int entered_ = 0;
};

// What a database has of a player, read behind the data service's back.
inline proto::PlayerData parse_player(const std::string& value) {
  proto::PlayerData player;
  if (!player.ParseFromString(value)) throw std::runtime_error("the row is no player's");
  return player;
}
inline proto::PlayerData stored_in_sqlite(const std::filesystem::path& file, const std::string& uid) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database(opened, sqlite3_close);
  if (result != SQLITE_OK) throw std::runtime_error("cannot open " + file.string());
  sqlite3_busy_timeout(opened, 20'000);
  sqlite3_stmt* prepared = nullptr;
  sqlite3_prepare_v2(opened, "SELECT value FROM data_rows WHERE tbl = 'players' AND key = ?", -1, &prepared, nullptr);
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(prepared, sqlite3_finalize);
  sqlite3_bind_text(prepared, 1, uid.data(), static_cast<int>(uid.size()), nullptr);
  if (sqlite3_step(prepared) != SQLITE_ROW)
    throw std::runtime_error("no row of " + uid + ": " + sqlite3_errmsg(opened));
  return parse_player({static_cast<const char*>(sqlite3_column_blob(prepared, 0)),
                       static_cast<std::size_t>(sqlite3_column_bytes(prepared, 0))});
}
// Of several at once, by uid: each look is a psql of its own.
inline std::map<std::string, proto::PlayerData> stored_in_postgres(const PostgresServer& server,
                                                                   const std::vector<std::string>& uids) {
  std::string keys;
  for (const auto& uid : uids) keys += (keys.empty() ? "'" : ", '") + uid + "'";
  std::istringstream rows(server.sql(
      "SELECT key || ' ' || encode(value, 'hex') FROM data_rows WHERE tbl = 'players' AND key IN (" + keys + ")"));
  std::map<std::string, proto::PlayerData> players;
  for (std::string uid, hex; rows >> uid >> hex;) {
    std::string value;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
      value.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    players[uid] = parse_player(value);
  }
  return players;
}

}  // namespace cm::test
