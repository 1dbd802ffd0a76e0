#pragma once

#include <cellmesh/plugin.hpp>

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "growth.hpp"

// The game of the demo: players who grow. What one has stands in the data service; here is a copy of the row, and
// whatever changes it is told only when it is saved, so that players keep what they were told they have, whatever dies.
// A row is saved with its version: who saves what another game changed meanwhile is told so, and decides anew.
//
//   game.cpp        who is here, as agents tell it
//   tasks.cpp       what a player asked for, one after another, and the answers
//   row.cpp         a player's row, read and written
//   experience.cpp  what is gained with time
class Game : public cellmesh::Service<Game, proto::GameSettings> {
 public:
  void start();
  void stop();
  void save(proto::GameState& state) const;
  void load(const proto::GameState& state);
  void resumed();

  // From an agent, which asks on behalf of a client whose token it believes.
  cellmesh::Status on(const proto::EnterGameREQ& req, cellmesh::Client client);
  void on(const proto::PlayerREQ& req, cellmesh::Client client);
  void on(const proto::LevelUpREQ& req, cellmesh::Client client);
  void on_client_closed(cellmesh::Client client, cellmesh::CloseReason reason);

 private:
  using Client = cellmesh::Client;
  using Status = cellmesh::Status;
  using Player = proto::GamePlayer;
  using Task = proto::GameTask;
  using milliseconds = std::chrono::milliseconds;

  // --- game.cpp

  [[nodiscard]] Task task(Task::What what) const;
  // A client whose first message is not an agent's was bound here after another game died: its agent knows who it is.
  void take(Client client, Task task);
  void on_who(const proto::WhoIsACK& ack, Status status, Client client);
  void join(Client client, const std::string& uid);
  void leave(const std::string& uid);
  void report_load_soon();
  void report_load();

  // --- tasks.cpp

  void queue(const std::string& uid, Task task);
  // Does what can be done now; called again by whatever it waits for.
  void go_on(const std::string& uid);
  void answer(const std::string& uid, const Player& player, const Task& task);
  void refuse(const Task& task, proto::ResultCode result, std::string_view why);
  void refuse_late_ones(const std::string& uid, Player& player);

  // --- row.cpp

  void load_row(const std::string& uid, Player& player);
  void on_loaded(const proto::LoadDataACK& ack, Status status, const std::string& uid, std::uint64_t call);
  void save_row(const std::string& uid, Player& player, proto::PlayerData next, const growth::Changes& changes);
  void on_saved(const proto::SaveDataACK& ack, Status status, const std::string& uid, std::uint64_t call);
  template <auto Handler, typename Req>
  Status ask_data(const std::string& uid, Player& player, const Req& req);
  // The row as it is: tells whether writes came to pass of which that was not known. False when it is no player's.
  bool take_row(const std::string& uid, Player& player, const proto::DataRow& row);
  void saved(const std::string& uid, Player& player, const proto::GameWrite& write, std::uint64_t version);
  // Again soon if somebody waits, else when it is time to.
  void failed(const std::string& uid, Player& player, std::string_view why);
  void on_retry(const std::string& uid);
  static proto::SaveDataREQ save_of(const std::string& uid, std::uint64_t version, const proto::PlayerData& data);

  // --- experience.cpp

  void start_ticking();
  // Gains of whoever was here for another minute; and all that no call or timer goes on with.
  void tick();
  void gain(Player& player, std::uint64_t experience);
  [[nodiscard]] bool save_is_due(const Player& player) const;
  // What a player who left gained cannot be saved.
  bool gave_up(const std::string& uid, const Player& player);
  void save_gains_at_last();

  static constexpr int max_tasks = 16;            // that wait, of a player, and of a client nobody knows yet
  static constexpr milliseconds patience{3'000};  // of a client with the data service; an agent waits for 5 s
  static constexpr milliseconds minute{60'000};
  static constexpr std::string_view too_fast = "more than may wait at once; try again";

  cellmesh::Table<Client, proto::GameClient> clients_{*this, "clients"};
  cellmesh::Table<std::string, Player> players_{*this, "players_by_uid"};
  std::uint64_t calls_ = 0;
  bool ticking_ = false;
  std::mt19937_64 random_{std::random_device{}() | std::uint64_t{std::random_device{}()} << 32U};
  cellmesh::TimerId load_timer_;  // runs while a report is due
  cellmesh::Counter level_ups_ = counter("level_ups");
  cellmesh::Counter refused_ = counter("refused");
  cellmesh::Counter conflicts_ = counter("conflicts");
  cellmesh::Counter failures_ = counter("data_failures");
};
