// Rock, paper, scissors against the house.
#include <cellmesh/plugin.hpp>
#include <random>

class Rps final : public cellmesh::Service<Rps, proto::RpsSettings> {
 public:
  void on(const proto::PlayREQ& req, cellmesh::Client /*from*/) {
    const int theirs = req.hand() % 3;
    const int mine = settings().cheat() == "yes" ? (theirs + 1) % 3 : any_(random_);
    proto::PlayACK ack;
    ack.set_mine(static_cast<proto::Hand>(mine));
    ack.set_verdict(mine == theirs ? "a draw" : mine == (theirs + 1) % 3 ? "you lose" : "you win");
    played_.add(1);
    reply(ack);
  }

 private:
  std::mt19937 random_{std::random_device{}()};
  std::uniform_int_distribution<> any_{0, 2};
  cellmesh::Counter played_ = counter("played");
};

CELLMESH_PLUGIN(Rps)
