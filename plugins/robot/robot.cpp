// The robot that ships with cellmesh: plays the game of the demo, and says whether what it was told holds. What it does
// is its setting `scenario`.
#include <cellmesh/robot.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>
#include <string>

#include "backoff.hpp"
#include "line.hpp"
#include "purse.hpp"

using cellmesh::Status;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

class Robot final : public cellmesh::Robot<Robot, proto::RobotSettings> {
 public:
  void start() {
    const std::string& scenario = settings().scenario();
    talks_ = scenario == "chat" || scenario == "flap" || scenario == "life";
    lives_ = scenario == "life";
    buys_ = lives_ && settings().level_ms() > 0;
    cut_ms_ = scenario == "flap" ? settings().cut_ms() : lives_ ? 6.0 * settings().cut_ms() : 0;
    purse_.set_reward({settings().reward_step(), settings().reward_coins()});
    run_ = std::to_string(clock().count());
    uid_ = kPlatform + name();
    if (count() > 1) {
      friend_ = kPlatform + ("bot" + std::to_string(seed()) + "-" + std::to_string((number() + 1) % count()));
    }
    every<&Robot::ping>(milliseconds(settings().ping_ms()));
    every<&Robot::ask_social_again>(kAgain / 2);
    login();
  }

  void on_connected() {
    backoff_.reset();
    pinged_ = {};
    if (talks_) join(kWorld);
    if (buys_) look();
    if (finishing_) return end();
    if (talks_) later<&Robot::talk_to_world>(world_timer_, world_ms());
    if (lives_) {
      join_channel();
      befriend();
    }
    if (cut_ms_ > 0) later<&Robot::cut_off>(cut_timer_, cut_ms_);
  }

  void on_closed(const cellmesh::RobotEnd& end) {
    stop_playing();
    answered();
    open_.clear();  // nobody knows what became of them
    come_back(milliseconds(end.retry_after_ms));
  }

  // Begins nothing new; what waits for an answer gets a moment.
  void on_finish() {
    finishing_ = true;
    stop_playing();
    looked_ = false;
    if (buys_ && !purse_.open()) look();
    end();
  }

  void on(const proto::PingACK& /*ack*/) {
    if (pinged_.count() != 0) measure_since("ping", pinged_);
    pinged_ = {};
  }

  // What players say is not looked at.
  void on(const proto::ChatACK& ack) {
    if (ack.old()) return;  // perhaps of an earlier run
    const auto key = robot::key_of(ack.content(), seed());
    if (key) heard(topic_of(ack.channel(), ack.to()), *key, ack.id());
  }

  // From now on social knows where it is: what is said to it or its channel is to be heard.
  void on(const proto::JoinChannelACK& ack) {
    if (ack.result() != proto::NoError) {
      joining_ = {};
      failed("join: result " + std::to_string(ack.result()), ack.text());
      if (!finishing_) after<&Robot::join_channel>(milliseconds(std::max(ack.retry_after_ms(), 1'000U)));
      return;
    }
    joining_ = {};
    join(topic_of(channel_name(), {}));
    join(topic_of({}, uid_));
    if (!finishing_) later<&Robot::talk_to_channel>(channel_timer_, settings().channel_ms());
  }

  void on(const proto::FriendACK& ack) {
    befriending_ = {};
    // Who is not there yet comes perhaps.
    if (ack.result() != proto::NoError) {
      if (ack.result() != proto::PlayerUnknown) failed("friend: result " + std::to_string(ack.result()), ack.text());
      if (!finishing_) after<&Robot::befriend>(milliseconds(std::max(ack.retry_after_ms(), 2'000U)));
      return;
    }
    const bool there = std::any_of(ack.friends().begin(), ack.friends().end(),
                                   [this](const auto& one) { return one.uid() == friend_; });
    if (befriended_ || ack.uid() == friend_) check(kFriends, there, friend_ + " is not on the list of " + uid_);
    if (there && !befriended_) counter("friends").add();
    befriended_ = befriended_ || there;
    if (befriended_ && !finishing_) later<&Robot::talk_to_friend>(private_timer_, settings().private_ms());
  }

  // How the player stands. Where a purchase was open when the connection broke, it is made again, by the same id.
  void on(const proto::PlayerACK& ack) {
    answered();
    if (ack.result() != proto::NoError) {
      failed("player: result " + std::to_string(ack.result()), ack.text());
      after<&Robot::look>(1s);
      return;
    }
    const std::string wrong = purse_.look({ack.level(), ack.coins(), ack.experience()});
    check(kAddsUp, wrong.empty(), wrong);
    expect_rows();
    if (purse_.open()) return level_up();
    looked_ = true;
    if (finishing_) return end();
    if (!poor_) later<&Robot::level_up>(level_timer_, settings().level_ms());
  }

  void on(const proto::LevelUpACK& ack) {
    if (!purse_.is_open(ack.request_id())) return failed("level-up: answered again", ack.request_id());
    answered();
    if (ack.result() == proto::DataUnavailable || ack.result() == proto::NotInGame) {
      failed("level-up: result " + std::to_string(ack.result()), ack.text());
      if (!level_timer_) level_timer_ = after<&Robot::level_up>(1s);  // by the same id
      return;
    }
    measure_since("level-up", bought_at_);
    if (ack.result() == proto::NoError) {
      const std::string wrong = purse_.paid(ack.price(), {ack.level(), ack.coins(), ack.experience()});
      check(kAddsUp, wrong.empty(), wrong);
      counter("level_ups").add();
    } else {
      purse_.refused();
      poor_ = ack.result() == proto::NotEnoughCoins || ack.result() == proto::HighestLevel;
      if (!poor_) failed("level-up: result " + std::to_string(ack.result()), ack.text());
    }
    expect_rows();
    if (finishing_) return look();
    if (!poor_) later<&Robot::level_up>(level_timer_, settings().level_ms());
  }

  void on(const proto::ChatDoneACK& ack) {
    const auto count = static_cast<std::uint32_t>(std::strtoul(ack.request_id().c_str(), nullptr, 10));
    if (ack.result() != proto::NoError) failed("chat: result " + std::to_string(ack.result()), ack.text());
    if (ack.result() == proto::TooFast) quiet_until_ = clock() + milliseconds(ack.retry_after_ms());
    // What could not be stored now may have been all the same.
    // And what was sent more than once may have been taken when it was refused.
    const auto line = open_.find(count);
    const bool repeated = line != open_.end() && line->second.sent > 1 && ack.result() != proto::NoError;
    if (ack.result() == proto::DataUnavailable || repeated) {
      open_.erase(count);
      if (finishing_) end();
      return;
    }
    settle(count, ack.result() == proto::NoError);
  }

  // What was asked of a game that is gone is asked again; a purchase by its id.
  void on(const proto::NoticeACK& notice) {
    const bool lost = notice.code() == proto::NoticeACK::BoundAnew || notice.code() == proto::NoticeACK::BackendLost ||
                      notice.code() == proto::NoticeACK::NoService;
    if (!lost || !buys_ || again_timer_ || notice.service().rfind("game", 0) != 0) return;
    again_timer_ = after<&Robot::ask_again>(1s);
  }

 private:
  static constexpr const char* kPlatform = "guest-";  // before the uid of a guest
  static constexpr const char* kWorld = "world";
  static constexpr const char* kAddsUp = "level and coins are what was paid for";
  static constexpr const char* kFriends = "who was befriended is a friend";
  static constexpr milliseconds kPatience{5'000};  // a game that lives answers before
  static constexpr milliseconds kAgain{2'000};
  struct OpenLine {
    std::string topic;
    std::chrono::microseconds at;       // when it was said
    std::chrono::microseconds sent_at;  // when it was sent last
    int sent = 1;
    proto::ChatREQ req;
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

  // "world", or whose it is.
  static std::string topic_of(const std::string& channel, const std::string& to) {
    return !to.empty() ? "player " + to : !channel.empty() ? "channel " + channel : kWorld;
  }
  std::string channel_name() {
    return "bots-" + std::to_string(seed()) + "-" + std::to_string(number() / std::max(settings().channel_size(), 1U));
  }

  void join_channel() {
    proto::JoinChannelREQ req;
    req.set_channel(channel_name());
    if (send(req) == Status::ok) joining_ = clock();  // not sent: it joins when it is back
  }

  void befriend() {
    if (friend_.empty()) return;
    proto::FriendREQ req;
    req.set_what(befriended_ ? proto::FriendREQ::List : proto::FriendREQ::Add);
    if (!befriended_) req.set_uid(friend_);
    if (send(req) == Status::ok) befriending_ = clock();
  }

  // The social service that was asked may be gone, and another one took its place. A line goes by the same id: it is
  // heard once.
  void ask_social_again() {
    const auto late = [this](std::chrono::microseconds at) { return at.count() != 0 && clock() - at >= kAgain; };
    if (late(joining_)) join_channel();
    if (late(befriending_)) befriend();
    for (auto& [count, line] : open_) {
      if (!late(line.sent_at) || send(line.req) != Status::ok) continue;
      line.sent_at = clock();
      ++line.sent;
      counter("repeated").add();
    }
  }

  void talk_to_channel() {
    channel_timer_ = {};
    proto::ChatREQ req;
    req.set_channel(channel_name());
    say(topic_of(req.channel(), {}), req, "hello channel");
    later<&Robot::talk_to_channel>(channel_timer_, settings().channel_ms());
  }

  void talk_to_friend() {
    private_timer_ = {};
    proto::ChatREQ req;
    req.set_to(friend_);
    say(topic_of({}, friend_), req, "hello friend");
    later<&Robot::talk_to_friend>(private_timer_, settings().private_ms());
  }

  // What an open purchase comes to is not known.
  void expect_rows() {
    constexpr std::uint64_t any = std::numeric_limits<std::int64_t>::max();
    const auto expected = purse_.expected();
    const bool open = purse_.open();
    const auto row = [this](const char* field, std::uint64_t least, std::uint64_t most) {
      static_cast<void>(expect_row("players", uid_, "proto.PlayerData", field, least, most));
    };
    row("level", expected.level, expected.level + (open ? 1 : 0));
    row("coins", open ? 0 : expected.coins, any);
    if (purse_.fresh()) row("spent", purse_.spent(), open ? any : purse_.spent());
  }

  void look() {
    if (send(proto::PlayerREQ()) == Status::ok) await_answer();  // not sent: it looks when it is back
  }

  void level_up() {
    level_timer_ = {};
    proto::LevelUpREQ req;
    if (!purse_.open()) counter("purchases").add();
    req.set_request_id(purse_.buy(name() + "-" + run_));
    expect_rows();
    bought_at_ = clock();
    if (send(req) == Status::ok) await_answer();  // not sent: made again when it is back
  }

  // A game that dies and is back at once keeps its players, but what they had asked it for is gone.
  void await_answer() {
    answered();
    answer_timer_ = after<&Robot::no_answer>(kPatience);
  }
  void answered() {
    if (answer_timer_) cancel(answer_timer_);
    answer_timer_ = {};
  }
  void no_answer() {
    answer_timer_ = {};
    failed("game: no answer", name() + ": asked again");
    if (!purse_.open()) return look();
    if (!level_timer_) level_up();
  }

  void ask_again() {
    again_timer_ = {};
    if (purse_.open()) {
      if (!level_timer_) level_up();
    } else if (finishing_ && !looked_) {
      look();
    }
  }

  void say(const std::string& topic, proto::ChatREQ req, const std::string& text) {
    if (clock() < quiet_until_) return;
    // One after another, or a line that is repeated would be heard behind a later one.
    const auto waits = [&](const auto& open) { return open.second.topic == topic; };
    if (std::any_of(open_.begin(), open_.end(), waits)) return;
    const std::uint32_t count = ++lines_;
    req.set_content(robot::make_line(seed(), number(), count, text));
    req.set_request_id(std::to_string(count) + "-" + run_);
    if (said(topic, line_key(count)) != Status::ok) return;  // as much was said as can be compared
    if (send(req) == Status::ok) {
      open_[count] = {topic, clock(), clock(), 1, req};
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
    answered();
    open_.clear();
    counter("cuts").add();
    come_back(0ms);
  }

  void come_back(milliseconds at_least) {
    if (finishing_ && !buys_) return end();
    after<&Robot::log_in_again>(backoff_.next(random_, at_least));
  }
  void log_in_again() { login(); }

  void stop_playing() {
    joining_ = befriending_ = {};
    for (cellmesh::TimerId* timer : {&world_timer_, &cut_timer_, &level_timer_, &channel_timer_, &private_timer_}) {
      if (*timer) cancel(*timer);
      *timer = {};
    }
  }

  // Done, once nothing is open. One who buys looks at what it has for a last time, and comes back for that.
  void end() {
    if (open_.empty() && (!buys_ || (looked_ && !purse_.open()))) return done();
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
  std::string run_;           // so that no request has the id of one of an earlier run
  std::string uid_, friend_;  // its own, and that of another robot
  bool befriended_ = false;
  bool talks_ = false;
  bool lives_ = false;
  bool buys_ = false;
  bool poor_ = false;    // there is nothing left to buy
  bool looked_ = false;  // at what it has, since it began to finish
  bool finishing_ = false;
  double cut_ms_ = 0;
  std::uint32_t lines_ = 0;
  std::map<std::uint32_t, OpenLine> open_;  // said, and not answered yet
  std::chrono::microseconds pinged_{};
  std::chrono::microseconds bought_at_{};
  std::chrono::microseconds quiet_until_{};
  std::chrono::microseconds joining_{}, befriending_{};  // since when an answer is waited for
  cellmesh::TimerId world_timer_, cut_timer_, level_timer_, channel_timer_, private_timer_, end_timer_, again_timer_;
  cellmesh::TimerId answer_timer_;  // runs while the game is to answer
};

CELLMESH_ROBOT(Robot)
