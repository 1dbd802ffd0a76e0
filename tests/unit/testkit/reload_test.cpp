#include <cellmesh/plugin.hpp>
#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

namespace {

using cellmesh::Client;
using cellmesh::Status;
using cellmesh::test::Faulted;
using cellmesh::test::Host;
using cellmesh::test::kind_of;
using cellmesh::test::Refused;
using cellmesh::test::Reload;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;
using namespace std::chrono_literals;

score::AddREQ add(int points) {
  score::AddREQ req;
  req.set_points(points);
  return req;
}

}  // namespace

// Newer versions of the plugin's service: its handlers are found by name, so they have its name.
namespace v2 {

class Score : public cellmesh::Service<Score, score::ScoreSettings> {
 public:
  void load(const score::ScoreState& state, std::string_view version) {
    total_ = state.total();
    log().info("v2 after {} with {} players", version, players_.size());
  }
  void save(score::ScoreState& state) const { state.set_total(total_); }
  void on(const score::AddREQ& /*req*/, Client from) {
    players_[from].set_points(0);
    score::AddACK ack;
    ack.set_total(100 * total_);
    reply(ack);
  }
  void on_tick() { log().info("v2 ticks"); }
  void on_news(const score::NewsACK& news, const cellmesh::ChannelInfo& /*info*/, int /*weight*/) {
    log().info("v2 hears {}", news.text());
  }
  void on_looked_up(const score::LookUpACK& ack, Status /*status*/, const cellmesh::Request& asked) {
    score::AddACK answer;
    answer.set_total(total_ + ack.points());
    reply(asked, answer);
  }
  void on_hashed(const std::string& hashed, Status /*status*/, Client /*client*/) { log().info("v2 got {}", hashed); }
  void resumed() {
    keep_timer<&Score::on_tick>();
    keep_channel<&Score::on_news>();
    keep_reply<&Score::on_looked_up>();
    keep_job<&Score::on_hashed>();
    counter("resumed").add();
  }

 private:
  std::int64_t total_ = 0;
  cellmesh::Table<Client, score::Player> players_{*this, "players"};
};

}  // namespace v2

// One that forgot them all.
namespace v3 {

class Score : public cellmesh::Service<Score, score::ScoreSettings> {};

}  // namespace v3

// Ones that fail on the way.
namespace v4 {

int made = 0;

class Score : public cellmesh::Service<Score, score::ScoreSettings> {
 public:
  Score() {
    ++made;
    EXPECT_FALSE(after<&Score::on_tick>(1s)) << "nothing may be seen outside yet";
  }
  ~Score() { --made; }
  void save(score::ScoreState& /*state*/) const {}
  void load(const score::ScoreState& /*state*/) {
    EXPECT_EQ(publish("news", score::NewsACK()), Status::invalid) << "nothing can be sent yet";
    throw std::runtime_error("cannot read it");
  }
  void on_tick() {}
  void on_news(const score::NewsACK& /*news*/, const cellmesh::ChannelInfo& /*info*/, int /*weight*/) {}
};

}  // namespace v4

namespace v5 {

class Score : public cellmesh::Service<Score, score::ScoreSettings> {
 public:
  void resumed() {
    after<&Score::on_tick>(1s);
    subscribe<&Score::on_news>("sports", 1);
    throw std::runtime_error("not today");
  }
  void on_tick() {}
  void on_news(const score::NewsACK& /*news*/, const cellmesh::ChannelInfo& /*info*/, int /*weight*/) {}
};

}  // namespace v5

namespace {

class ReloadTest : public testing::Test {
 protected:
  Host host{"score#0@test"};
  Client ann = host.client();
  cellmesh::ServiceId bank = host.up("bank#0@test");
};

TEST_F(ReloadTest, StateAndRowsGoOver) {
  host.deliver(add(3), ann);
  host.reload();
  EXPECT_TRUE(host.logged("resumed with 3 and 1 players"));
  host.clear();
  host.deliver(add(4), ann);
  EXPECT_EQ(host.one<score::AddACK>(ann).total(), 7);
}

TEST_F(ReloadTest, TimersKeepTheirRemainingTime) {
  host.advance(9s);
  host.reload();
  host.advance(999ms);
  EXPECT_THAT(host.sent<score::TotalACK>(), IsEmpty());
  host.advance(1ms);
  EXPECT_THAT(host.sent<score::TotalACK>(ann), SizeIs(1));
}

TEST_F(ReloadTest, WhatWaitsGoesOnInAnotherVersion) {
  host.deliver(add(3), ann);
  const auto ask = host.ask(add(0), bank);
  score::HashREQ hash;
  hash.set_text("x");
  host.deliver(hash, ann);
  host.clear();
  host.reload(kind_of<v2::Score>());
  EXPECT_TRUE(host.logged("v2 after 1.4.0 with 1 players"));
  EXPECT_EQ(host.metric("resumed"), 1);
  EXPECT_THAT(host.did(), IsEmpty());
  score::LookUpACK ack;
  ack.set_points(5);
  host.answer(host.call<score::LookUpREQ>(), ack);
  EXPECT_EQ(host.reply<score::AddACK>(ask).total(), 8);
  score::NewsACK news;
  news.set_text("rain");
  host.publish("news", news);
  EXPECT_TRUE(host.logged("v2 hears rain"));
  host.run_jobs();
  EXPECT_TRUE(host.logged("v2 got #x"));
  host.advance(10s);
  EXPECT_TRUE(host.logged("v2 ticks"));
  host.deliver(add(0), ann);
  EXPECT_EQ(host.one<score::AddACK>(ann).total(), 300);
}

TEST_F(ReloadTest, HandlerThatIsMissingRefusesItAndNamesWhoWaits) {
  EXPECT_THAT(
      [&] { host.reload(kind_of<v3::Score>()); },
      ThrowsMessage<Refused>(AllOf(HasSubstr("a timer waits for Score::on_tick, name it with keep_timer<"),
                                   HasSubstr("a channel waits for Score::on_news, name it with keep_channel<"))));
  EXPECT_EQ(host.deliver(add(2), ann), Status::ok);
  EXPECT_EQ(host.one<score::AddACK>(ann).total(), 2);
}

TEST_F(ReloadTest, VersionThatFailsLeavesTheOldOneAsItWas) {
  host.deliver(add(2), ann);
  const auto timers = host.memory().timers().size();
  EXPECT_THAT([&] { host.reload(kind_of<v4::Score>()); },
              ThrowsMessage<Refused>(HasSubstr("load failed: cannot read it")));
  EXPECT_EQ(v4::made, 0);
  EXPECT_THAT(host.memory().timers(), SizeIs(timers));
  host.clear();
  host.deliver(add(1), ann);
  EXPECT_EQ(host.one<score::AddACK>(ann).total(), 3);
}

TEST_F(ReloadTest, VersionThatFailsInResumedServesForAllThat) {
  EXPECT_THAT([&] { host.reload(kind_of<v5::Score>()); },
              ThrowsMessage<Faulted>(AllOf(HasSubstr("resumed"), HasSubstr("not today"))));
  EXPECT_TRUE(host.subscribed("sports"));
  host.advance(10s);
  EXPECT_THAT(host.sent<score::TotalACK>(), IsEmpty()) << "the old one is gone";
}

TEST_F(ReloadTest, WhatChangesBeforeTheSwitchGoesOverToo) {
  host.deliver(add(2), ann);
  Reload reload;
  reload.between = [&] {
    host.deliver(add(3), ann);
    host.deliver(add(4), host.client());
  };
  EXPECT_EQ(host.memory().reload(reload), "");
  EXPECT_TRUE(host.logged("resumed with 9 and 2 players"));
}

TEST_F(ReloadTest, AThousandLoseNothing) {
  for (int n = 1; n <= 1000; ++n) {
    host.deliver(add(1), ann);
    host.reload();
    host.advance(10ms);
  }
  host.clear();
  host.deliver(add(0), ann);
  EXPECT_EQ(host.one<score::AddACK>(ann).total(), 1000);
  EXPECT_THAT(host.memory().timers(), SizeIs(1));
}

}  // namespace
