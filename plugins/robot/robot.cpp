// The robot that ships with cellmesh: plays the game of the demo, and says whether what it was told holds. What it does
// is its setting `scenario`.
#include <cellmesh/robot.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "backoff.hpp"
#include "line.hpp"
#include "purse.hpp"

using cellmesh::Status;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

class Robot : public cellmesh::Robot<Robot, proto::RobotSettings> {
 public:
  void start() {
    const std::string& scenario = settings().scenario();
    talks_ = scenario == "chat" || scenario == "flap" || scenario == "life";
    const bool life = scenario == "life";
    buys_ = life && settings().level_ms() > 0;
    cut_ms_ = scenario == "flap" ? settings().cut_ms() : life ? 6.0 * settings().cut_ms() : 0;
    every<&Robot::ping>(milliseconds(settings().ping_ms()));
    login();
  }

  void on_connected() {
    backoff_.reset();
    pinged_ = {};
    if (talks_) join(kWorld);
    if (buys_) look();
    if (finishing_) return end();
    if (talks_) later<&Robot::talk_to_world>(world_timer_, world_ms());
    if (cut_ms_ > 0) later<&Robot::cut_off>(cut_timer_, cut_ms_);
  }

  void on_closed(const cellmesh::RobotEnd& end) {
    stop_playing();
    come_back(milliseconds(end.retry_after_ms));
  }

  // Begins nothing new; what waits for an answer gets a moment.
  void on_finish() {
    finishing_ = true;
    stop_playing();
    if (buys_ && !purse_.open()) look();
    end();
  }

  void on(const proto::PingACK& /*ack*/) {
    if (pinged_.count() != 0) measure_since("ping", pinged_);
    pinged_ = {};
  }

  // What players say is not looked at.
  void on(const proto::ChatACK& ack) {
    const auto key = robot::key_of(ack.content(), seed());
    if (key) heard(kWorld, *key, ack.id(), ack.old());
  }

  // How the player stands. Where a purchase was open when the connection broke, it is made again, by the same id.
  void on(const proto::PlayerACK& ack) {
    looking_ = false;
    if (ack.result() != proto::NoError) return failed("player: result " + std::to_string(ack.result()), ack.text());
    const std::string wrong = purse_.look({ack.level(), ack.coins()});
    check(kAddsUp, wrong.empty(), wrong);
    if (purse_.open()) return level_up();
    if (finishing_) return end();
    later<&Robot::level_up>(level_timer_, settings().level_ms());
  }

  void on(const proto::LevelUpACK& ack) {
    if (!purse_.is_open(ack.request_id())) return failed("level-up: answered again", ack.request_id());
    measure_since("level-up", bought_at_);
    if (ack.result() == proto::NoError) {
      const std::string wrong = purse_.paid(ack.price(), {ack.level(), ack.coins()});
      check(kAddsUp, wrong.empty(), wrong);
      counter("level_ups").add();
    } else {
      purse_.refused();
      poor_ = ack.result() == proto::NotEnoughCoins || ack.result() == proto::HighestLevel;
      if (!poor_) failed("level-up: result " + std::to_string(ack.result()), ack.text());
    }
    if (finishing_) return look();
    if (!poor_) later<&Robot::level_up>(level_timer_, settings().level_ms());
  }

  void on(const proto::ChatDoneACK& ack) {
    const auto count = static_cast<std::uint32_t>(std::strtoul(ack.request_id().c_str(), nullptr, 10));
    if (ack.result() != proto::NoError) failed("chat: result " + std::to_string(ack.result()), ack.text());
    settle(count, ack.result() == proto::NoError);
  }

 private:
  static constexpr const char* kWorld = "world";
  static constexpr const char* kAddsUp = "level and coins are what was paid for";
  struct OpenLine {
    std::string topic;
    std::chrono::microseconds at;
  };

  void ping() {
    if (pinged_.count() != 0) return;
    pinged_ = clock();
    if (send(proto::PingACK()) != Status::ok) pinged_ = {};
  }

  void talk_to_world() {
    world_timer_ = {};
    say(kWorld, {}, "hello world");
    later<&Robot::talk_to_world>(world_timer_, world_ms());
  }

  void look() { looking_ = send(proto::PlayerREQ()) == Status::ok; }

  void level_up() {
    level_timer_ = {};
    proto::LevelUpREQ req;
    req.set_request_id(purse_.buy(name()));
    bought_at_ = clock();
    static_cast<void>(send(req));  // not sent: made again when it is back
  }

  void say(const std::string& topic, proto::ChatREQ req, const std::string& text) {
    const std::uint32_t count = ++lines_;
    req.set_content(robot::make_line(seed(), number(), count, text));
    req.set_request_id(std::to_string(count));
    if (said(topic, line_key(count)) != Status::ok) return;  // as much was said as can be compared
    if (send(req) == Status::ok) {
      open_[count] = {topic, clock()};
    } else {
      settled(topic, line_key(count), false);
      failed("chat: not sent");
    }
  }

  void settle(std::uint32_t count, bool taken) {
    const auto it = open_.find(count);
    if (it == open_.end()) return;
    if (taken) measure_since("chat", it->second.at);
    settled(it->second.topic, line_key(count), taken);
    open_.erase(it);
    if (finishing_) end();
  }

  void cut_off() {
    cut_timer_ = {};
    cut();
    stop_playing();
    counter("cuts").add();
    come_back(0ms);
  }

  void come_back(milliseconds at_least) {
    if (finishing_ && !buys_) return end();
    after<&Robot::log_in_again>(backoff_.next(random_, at_least));
  }
  void log_in_again() { login(); }

  // What is open stays so for ever: nobody knows what became of it.
  void stop_playing() {
    for (cellmesh::TimerId* timer : {&world_timer_, &cut_timer_, &level_timer_}) {
      if (*timer) cancel(*timer);
      *timer = {};
    }
    if (!finishing_) open_.clear();
  }

  // Done, once nothing is open. One who buys looks at what it has for a last time, and comes back for that.
  void end() {
    if (open_.empty() && (!buys_ || (purse_.known() && !purse_.open() && !looking_))) return done();
    if (!open_.empty() && !end_timer_) end_timer_ = after<&Robot::give_up_lines>(10s);
  }
  void give_up_lines() {
    if (open_.empty()) return;
    failed("chat: no answer", std::to_string(open_.size()) + " lines were not answered within 10 s");
    open_.clear();
    end();
  }

  // Calls it in about so long: from half of it to one and a half.
  template <auto Handler>
  void later(cellmesh::TimerId& timer, double ms) {
    if (timer || ms <= 0) return;
    timer =
        after<Handler>(milliseconds(static_cast<std::int64_t>(ms * std::uniform_real_distribution(0.5, 1.5)(random_))));
  }
  [[nodiscard]] double world_ms() const {
    return settings().world_per_sec() > 0 ? 1000.0 * static_cast<double>(count()) / settings().world_per_sec() : 0;
  }

  std::minstd_rand random_{static_cast<std::uint32_t>(seed() * 2654435761U + number())};
  robot::Backoff backoff_;
  robot::Purse purse_;
  bool talks_ = false;
  bool buys_ = false;
  bool poor_ = false;     // there is nothing left to buy
  bool looking_ = false;  // its PlayerREQ is not answered yet
  bool finishing_ = false;
  double cut_ms_ = 0;
  std::uint32_t lines_ = 0;
  std::map<std::uint32_t, OpenLine> open_;  // said, and not answered yet
  std::chrono::microseconds pinged_{};
  std::chrono::microseconds bought_at_{};
  cellmesh::TimerId world_timer_, cut_timer_, level_timer_, end_timer_;
};

CELLMESH_ROBOT(Robot)
