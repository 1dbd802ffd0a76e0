// The robot of scripts/bench --game: does one thing as fast as it is answered, and measures that.
#include <cellmesh/robot.hpp>

#include <chrono>
#include <cstdlib>
#include <string>

using cellmesh::Status;
using namespace std::chrono_literals;

class BenchRobot : public cellmesh::Robot<BenchRobot, proto::BenchRobotSettings> {
 public:
  void start() {
    mode_ = settings().mode();
    enter();
  }

  void on_connected() {
    if (!settings().url().empty()) {
      static_cast<void>(send(proto::VerifyREQ()));
    } else {
      play();
    }
  }
  void on_closed(const cellmesh::RobotEnd& end) {
    if (!finishing_) after<&BenchRobot::enter>(std::max(200ms, std::chrono::milliseconds(end.retry_after_ms)));
  }
  void on_finish() {
    finishing_ = true;
    done();
  }

  void on(const proto::VerifyACK& ack) {
    if (ack.result() == proto::NoError) return play();
    close();  // the agent has not heard yet that it needs no token
    after<&BenchRobot::enter>(200ms);
  }
  void on(const proto::EchoACK& /*ack*/) {
    measure_since("trip", sent_at_);
    echo();
  }
  void on(const proto::ChatACK& ack) {
    const std::chrono::microseconds said(std::strtoll(ack.content().c_str(), nullptr, 10));
    measure_since("heard", said);
    if (ack.content().compare(kTime, std::string::npos, mark_) == 0) say();
  }
  void on(const proto::LevelUpACK& ack) {
    if (ack.result() == proto::HighestLevel) {  // goes on as somebody else
      close();
      ++life_;
      return enter();
    }
    if (ack.result() == proto::NoError) {
      measure_since("level-up", sent_at_);
    } else {
      failed("level-up: result " + std::to_string(ack.result()), ack.text());
      if (ack.result() != proto::DataUnavailable) return;
    }
    level_up();
  }

 private:
  static constexpr std::size_t kTime = 20;  // bytes of a line that tell when it was said

  void enter() {
    if (!settings().url().empty()) {
      static_cast<void>(connect(settings().url()));
      return;
    }
    const std::string uid = name() + (life_ == 0 ? "" : "-" + std::to_string(life_));
    const bool password = settings().platform() == "password";
    login({.uid = uid,
           .platform = settings().platform(),
           .secret = password ? "a-secret-of-robots" : "",
           .create = password && !has_account_});
  }

  void play() {
    has_account_ = true;
    if (finishing_) return;
    if (mode_ == "echo") return echo();
    if (mode_ == "levels") return level_up();
    if (mode_ == "chat" && number() < settings().speakers()) {
      // When the others are in.
      mark_ = " " + std::to_string(number()) + " ";
      mark_.append(std::max<std::size_t>(settings().text(), kTime + mark_.size()) - kTime - mark_.size(), 'x');
      after<&BenchRobot::say>(1s);
    }
    if (mode_ == "logins") after<&BenchRobot::leave>(1ms);
  }
  void leave() {
    close();
    enter();
  }
  void echo() {
    if (finishing_) return;
    proto::EchoREQ req;
    req.set_content(std::string(settings().text(), 'x'));
    sent_at_ = clock();
    static_cast<void>(send(req));
  }
  void say() {
    if (finishing_) return;
    std::string now = std::to_string(clock().count());
    now.resize(kTime, ' ');
    proto::ChatREQ req;
    req.set_content(now + mark_);
    static_cast<void>(send(req));
  }
  void level_up() {
    if (finishing_) return;
    proto::LevelUpREQ req;
    req.set_request_id(std::to_string(++bought_));
    sent_at_ = clock();
    static_cast<void>(send(req));
  }

  std::string mode_;
  std::string mark_;  // the end of its own lines
  std::chrono::microseconds sent_at_{};
  std::uint64_t bought_ = 0;
  int life_ = 0;
  bool has_account_ = false;
  bool finishing_ = false;
};

CELLMESH_ROBOT(BenchRobot)
