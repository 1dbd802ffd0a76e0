// The game of the demo: lets players in.
#include <cellmesh/plugin.hpp>

#include <chrono>

using cellmesh::Client;
using cellmesh::Status;
using namespace std::chrono_literals;

class Game : public cellmesh::Service<Game> {
 public:
  void start() { directory().set_load(0); }

  // From an agent, which asks on behalf of a client whose token it believes.
  Status on(const proto::EnterGameREQ& /*req*/, Client player) {
    if (!request().waits()) return Status::refused;
    enter(player);
    return reply(proto::EnterGameACK());
  }

  void on_client_closed(Client player, cellmesh::CloseReason /*reason*/) {
    if (players_.erase(player)) report_load_soon();
  }

 private:
  void enter(Client player) {
    if (players_.contains(player)) return;
    players_[player];
    report_load_soon();
  }

  void report_load_soon() {
    if (!load_timer_) load_timer_ = after<&Game::report_load>(200ms);
  }
  void report_load() {
    load_timer_ = {};
    directory().set_load(players_.size());
  }

  cellmesh::Table<Client, proto::GamePlayer> players_{*this, "players"};
  cellmesh::TimerId load_timer_;  // runs while a report is due
};

CELLMESH_PLUGIN(Game)
