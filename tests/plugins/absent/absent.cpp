// Two robots. The second goes away, and comes back when the first has had time to write to it; the first writes when it
// is told that its friend is gone. What was kept for the second it must hear when it is back.
#include <cellmesh/robot.hpp>

#include <chrono>
#include <string>

using namespace std::chrono_literals;

class Absent : public cellmesh::Robot<Absent> {
 public:
  void start() {
    friend_ = "guest-bot" + std::to_string(seed()) + "-" + std::to_string(1 - number());
    login();
  }

  void on_connected() {
    if (writes()) return befriend();
    if (!heard_) after<&Absent::go_away>(300ms);
  }
  void on_closed(const cellmesh::RobotEnd& /*end*/) { after<&Absent::come_back>(500ms); }

  // --- of the writer

  void on(const proto::FriendACK& ack) {
    if (ack.result() != proto::NoError) after<&Absent::befriend>(100ms);  // it was never here yet
    for (const auto& one : ack.friends()) on(one);
  }
  void on(const proto::PresenceACK& friend_now) {
    if (friend_now.online() || friend_now.uid() != friend_) return;
    proto::ChatREQ req;
    req.set_to(friend_);
    req.set_content("while you were away: " + std::to_string(++written_));
    req.set_request_id(std::to_string(written_));
    static_cast<void>(send(req));
  }
  void on(const proto::ChatDoneACK& ack) {
    check("mail for who is absent is taken", ack.result() == proto::NoError, ack.text());
    counter("written").add();
    done();
  }

  // --- of the one that was away

  // Live, too, where it came back early: then it goes once more.
  void on(const proto::ChatACK& ack) {
    if (writes() || ack.from() != friend_) return;
    check("it is what was written", ack.content().rfind("while you were away: ", 0) == 0, ack.content());
    heard_ = heard_ || ack.old();
    if (heard_) {
      counter("heard").add();
      done();
    }
  }
  void on_finish() {
    if (writes() && written_ == 0) failed("it never saw its friend go");
  }

 private:
  [[nodiscard]] bool writes() const { return number() == 0; }

  void befriend() {
    proto::FriendREQ req;
    req.set_what(proto::FriendREQ::Add);
    req.set_uid(friend_);
    static_cast<void>(send(req));
  }
  void go_away() {
    close();
    away_ *= 2;
    after<&Absent::come_back>(away_);
  }
  void come_back() { login(); }

  std::string friend_;
  std::chrono::milliseconds away_{250};
  int written_ = 0;
  bool heard_ = false;
};

CELLMESH_ROBOT(Absent)
