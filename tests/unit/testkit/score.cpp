// A plugin that uses all that a testkit has to show.
#include <cellmesh/plugin.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>

using cellmesh::Client;
using cellmesh::Status;

class Score : public cellmesh::Service<Score, score::ScoreSettings> {
 public:
  void start() {
    every<&Score::on_tick>(std::chrono::seconds(settings().period_sec()));
    subscribe<&Score::on_news>("news", 3);
  }

  void on(const score::AddREQ& req, Client from) {
    if (req.points() < 0) throw std::out_of_range("points below 0");
    total_ += req.points();
    auto& player = players_[from];
    player.set_points(player.points() + req.points());
    reply(total<score::AddACK>());
  }

  // A service adds what the bank says that it has.
  Status on(const score::AddREQ& /*req*/, cellmesh::Sender /*from*/) {
    return call<&Score::on_looked_up>(directory().find("bank#0@test"), score::LookUpREQ(), request());
  }

  // Behind what it is handling, as every message to itself.
  void on(const score::TotalACK& now) {
    log().info("total {}", now.total());
    if (now.total() == -1) send(self(), now);
  }

  Status on(const score::HashREQ& req, Client from) {
    return offload<&Score::hash, &Score::on_hashed>(req.text(), from);
  }

  void on_client_closed(Client client, cellmesh::CloseReason /*reason*/) { players_.erase(client); }

  void save(score::ScoreState& state) const { state.set_total(total_); }
  void load(const score::ScoreState& state) { total_ = state.total(); }
  void resumed() { log().info("resumed with {} and {} players", total_, players_.size()); }

 private:
  void on_tick() {
    clients().broadcast(total<score::TotalACK>());
    send(self(), total<score::TotalACK>());
  }
  void on_news(const score::NewsACK& news, const cellmesh::ChannelInfo& info, int weight) {
    log().info("{} of {}, weight {}, {} lost", news.text(), info.channel, weight, info.lost);
  }
  void on_looked_up(const score::LookUpACK& ack, Status status, const cellmesh::Request& asked) {
    if (status != Status::ok) {
      reply_status(asked, status);
      return;
    }
    total_ += ack.points();
    reply(asked, total<score::AddACK>());
  }
  static std::string hash(const std::string& text) { return "#" + text; }
  void on_hashed(const std::string& hashed, Status /*status*/, Client client) {
    score::HashACK ack;
    ack.set_text(hashed);
    clients().send(client, ack);
  }

  template <typename M>
  [[nodiscard]] M total() const {
    M message;
    message.set_total(total_);
    return message;
  }

  std::int64_t total_ = 0;
  cellmesh::Table<Client, score::Player> players_{*this, "players"};
};

CELLMESH_PLUGIN(Score)
