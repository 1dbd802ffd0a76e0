// A game that counts: what each player sent, what it asked, published and gave away, and what of that came back. In two
// versions whose state differs.
#include <cellmesh/plugin.hpp>

#include <chrono>
#include <cstdint>
#include <string>

using cellmesh::Client;
using cellmesh::Status;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBytesOfAPlayer = 190;
constexpr std::uint64_t kAskEvery = 4;
constexpr std::uint64_t kJobEvery = 10;  // ticks

}  // namespace

class Game : public cellmesh::Service<Game> {
 public:
  void start() {
    directory().set_load(0);
    every<&Game::on_tick>(10ms);
    if (subscribe<&Game::on_news>("soak") != Status::ok) throw std::runtime_error("no subscription");
  }

  Status on(const proto::EnterGameREQ& /*req*/, Client player) {
    player_of(player);
    return reply(proto::EnterGameACK());
  }

  void on(const soak::SoakREQ& req, Client from) {
    auto& player = player_of(from);
    player.set_counted(player.counted() + 1);
    if (filled_.size() > 0) {
      if (auto* other = filled_.edit(req.number() % filled_.size())) other->set_counted(other->counted() + 1);
    }
    soak::SoakACK ack;
    ack.set_number(req.number());
    ack.set_counted(player.counted());
    ack.set_version(VERSION);
    if (reply(ack) != Status::ok) wrong("an answer was not sent");
    if (req.number() % kAskEvery == 0) ask(from, req.number());
  }

  void on(const soak::FillREQ& req, Client /*from*/) {
    for (std::uint64_t i = filled_.size(); i < req.players(); ++i) new_player(filled_[i]);
    soak::FillACK ack;
    ack.set_players(filled_.size());
    reply(ack);
  }

  void on(const soak::TotalsREQ& /*req*/, Client /*from*/) { reply(totals_); }

  void save(soak::GameState& state) const {
    *state.mutable_totals() = totals_;
#if VERSION == 1
    state.set_of_v1("version 1");
#else
    state.set_of_v2("version 2");
#endif
  }
  void load(const soak::GameState& state) { totals_ = state.totals(); }

  void on_client_closed(Client client, cellmesh::CloseReason /*reason*/) { players_.erase(client); }

 private:
  static void new_player(soak::Player& player) {
    player.set_what_it_has(std::string(kBytesOfAPlayer, 'x'));
#if VERSION == 1
    player.set_of_v1(1);
#else
    player.set_of_v2("2");
#endif
  }
  soak::Player& player_of(Client client) {
    const bool known = players_.contains(client);
    auto& player = players_[client];
    if (!known) new_player(player);
    return player;
  }

  void ask(Client player, std::uint64_t number) {
    soak::PeerREQ req;
    req.set_number(number);
    const Status status =
        call<&Game::on_peer>(cellmesh::on_behalf(player, 60s), directory().pick("soak_peer"), req, player, number);
    if (status != Status::ok) return wrong(cellmesh::format("the peer was not asked: {}", status));
    totals_.set_asked(totals_.asked() + 1);
  }
  void on_peer(const soak::PeerACK& ack, Status status, Client player, std::uint64_t number) {
    if (status != Status::ok) return wrong(cellmesh::format("the peer's answer is {}", status));
    if (ack.number() != number) return wrong("the peer answered something else");
    totals_.set_answered(totals_.answered() + 1);
    soak::SoakEventACK event;
    event.set_number(number);
    if (clients().send(player, event) != Status::ok) wrong("an event was not sent");
  }

  void on_tick() {
    totals_.set_ticks(totals_.ticks() + 1);
    soak::NewsACK news;
    news.set_number(totals_.published() + 1);
    if (const Status status = publish("soak", news); status == Status::ok) {
      totals_.set_published(news.number());
    } else {
      wrong(cellmesh::format("not published: {}", status));
    }
    if (totals_.ticks() % kJobEvery != 0) return;
    if (offload<&Game::work, &Game::on_done>(std::to_string(totals_.jobs())) != Status::ok) return wrong("no job");
    totals_.set_jobs(totals_.jobs() + 1);
  }
  static std::string work(const std::string& input) { return input + " done"; }
  void on_done(const std::string& output, Status status) {
    if (status != Status::ok || output != std::to_string(totals_.jobs_done()) + " done")
      wrong("a job ended as " + output);
    totals_.set_jobs_done(totals_.jobs_done() + 1);
  }
  void on_news(const soak::NewsACK& news, cellmesh::ChannelInfo info) {
    if (info.lost > 0) wrong("the hub dropped messages");
    if (news.number() != totals_.heard() + 1) {
      wrong(cellmesh::format("heard {} after {}", news.number(), totals_.heard()));
    }
    totals_.set_heard(news.number());
  }

  void wrong(const std::string& what) {
    totals_.set_wrong(totals_.wrong() + 1);
    totals_.set_last_wrong(what);
    log().error("{}", what);
  }

  cellmesh::Table<Client, soak::Player> players_{*this, "players"};
  cellmesh::Table<std::uint64_t, soak::Player> filled_{*this, "filled"};
  soak::TotalsACK totals_;
};

CELLMESH_PLUGIN(Game)
