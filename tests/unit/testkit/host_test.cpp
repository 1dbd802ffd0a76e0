#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

namespace {

using cellmesh::Client;
using cellmesh::CloseReason;
using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Did;
using cellmesh::test::Faulted;
using cellmesh::test::Host;
using cellmesh::test::Unexpected;
using testing::AllOf;
using testing::ElementsAre;
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

class ScoreTest : public testing::Test {
 protected:
  Host host{"score#0@test"};
  Client ann = host.client();
  Client bob = host.client();
  ServiceId bank = host.up("bank#0@test");
};

TEST_F(ScoreTest, AnswerGoesToWhoAsked) {
  host.deliver(add(3), ann);
  host.deliver(add(4), bob);
  EXPECT_EQ(host.one<score::AddACK>(ann).total(), 3);
  EXPECT_EQ(host.one<score::AddACK>(bob).total(), 7);
}

TEST_F(ScoreTest, BroadcastReachesEachWhoIsThereOnce) {
  host.disconnect(bob);
  host.advance(10s);
  EXPECT_EQ(host.one<score::TotalACK>(ann).total(), 0);
  EXPECT_THAT(host.sent<score::TotalACK>(ann), IsEmpty());
  EXPECT_THAT(host.sent<score::TotalACK>(bob), IsEmpty());
}

TEST_F(ScoreTest, WhatItDidNotSendIsNamedWithWhatItDid) {
  host.clear();
  host.deliver(add(3), ann);
  EXPECT_THAT([&] { host.one<score::TotalACK>(); },
              ThrowsMessage<Unexpected>(AllOf(HasSubstr("0 of score.TotalACK"), HasSubstr("reply score.AddACK 1"))));
  host.deliver(add(3), ann);
  EXPECT_THAT([&] { host.one<score::AddACK>(ann); },
              ThrowsMessage<Unexpected>(HasSubstr("2 of score.AddACK for client")));
  EXPECT_THAT(host.take<score::AddACK>(), SizeIs(2));
  EXPECT_THAT([&] { host.one<score::AddACK>(); }, ThrowsMessage<Unexpected>(HasSubstr("it did nothing")));
}

TEST_F(ScoreTest, FaultIsThrownWithItsMessageAndTheServiceGoesOn) {
  EXPECT_THAT([&] { host.deliver(add(-1), ann); },
              ThrowsMessage<Faulted>(AllOf(HasSubstr("on_message of score.AddREQ"), HasSubstr("points below 0"))));
  EXPECT_EQ(host.deliver(add(1), ann), Status::ok);
}

TEST_F(ScoreTest, CallWaitsUntilItIsAnswered) {
  const auto ask = host.ask(add(0), bank);
  EXPECT_EQ(host.reply_status(ask), std::nullopt);
  EXPECT_THAT([&] { host.reply<score::AddACK>(ask); }, ThrowsMessage<Unexpected>(HasSubstr("did not answer")));
  score::LookUpACK ack;
  ack.set_points(5);
  const auto call = host.call<score::LookUpREQ>();
  EXPECT_EQ(call.to, bank);
  EXPECT_EQ(host.answer(call, ack), Status::ok);
  EXPECT_EQ(host.reply<score::AddACK>(ask).total(), 5);
  EXPECT_THAT([&] { host.answer(call, ack); }, ThrowsMessage<Unexpected>(HasSubstr("does not wait any more")));
  EXPECT_THAT([&] { host.call<score::LookUpREQ>(); },
              ThrowsMessage<Unexpected>(HasSubstr("0 calls with a score.LookUpREQ")));
}

TEST_F(ScoreTest, CallFailsByStatusTimeOrTheOthersEnd) {
  auto ask = host.ask(add(0), bank);
  host.fail_call(host.call<score::LookUpREQ>(), Status::refused);
  EXPECT_EQ(host.reply_status(ask), Status::refused);
  ask = host.ask(add(0), bank);
  host.advance(5s);
  EXPECT_EQ(host.reply_status(ask), Status::timeout);
  ask = host.ask(add(0), host.up("other#0@test"));
  host.down("bank#0@test");
  EXPECT_EQ(host.reply_status(ask), Status::unavailable);
}

TEST_F(ScoreTest, CallThatTheHostRefusesIsItsHandlersStatus) {
  host.refuse(Did::call, Status::backpressure);
  EXPECT_EQ(host.reply_status(host.ask(add(0), bank)), Status::backpressure);
  host.refuse(Did::call, Status::ok);
  EXPECT_EQ(host.ask(add(0), bank).status, Status::ok);
}

TEST_F(ScoreTest, ChannelReachesItsHandlerWithCookieAndLosses) {
  EXPECT_TRUE(host.subscribed("news"));
  score::NewsACK news;
  news.set_text("rain");
  EXPECT_EQ(host.publish("news", news, bank, 2), Status::ok);
  EXPECT_TRUE(host.logged("rain of news, weight 3, 2 lost"));
  EXPECT_THAT([&] { host.publish("sports", news); },
              ThrowsMessage<Unexpected>(AllOf(HasSubstr("not subscribed to sports"), HasSubstr("news"))));
}

TEST_F(ScoreTest, JobRunsWhenTheTestSaysSo) {
  score::HashREQ req;
  req.set_text("x");
  host.deliver(req, ann);
  EXPECT_THAT(host.sent<score::HashACK>(), IsEmpty());
  EXPECT_EQ(host.run_jobs(), 1U);
  EXPECT_EQ(host.one<score::HashACK>(ann).text(), "#x");
  EXPECT_EQ(host.run_jobs(), 0U);
}

TEST_F(ScoreTest, WhatItSendsToItselfArrives) {
  host.deliver(add(9), ann);
  host.advance(10s);
  EXPECT_TRUE(host.logged("total 9"));
  score::TotalACK for_ever;
  for_ever.set_total(-1);
  EXPECT_THAT([&] { host.deliver(for_ever, bank); }, ThrowsMessage<std::runtime_error>(HasSubstr("itself for ever")));
}

TEST_F(ScoreTest, CloseIsSeenAndTheEndComesByTheTest) {
  EXPECT_EQ(host.closed(ann), std::nullopt);
  host.disconnect(ann, CloseReason::idle);
  host.advance(10s);
  EXPECT_THAT(host.sent<score::TotalACK>(ann), IsEmpty());
}

TEST(Settings, AreTheDefaultsUnlessTheTestGivesOthers) {
  const auto defaults = cellmesh::test::defaults<score::ScoreSettings>();
  EXPECT_EQ(defaults.period_sec(), 10);
  EXPECT_EQ(defaults.title(), "Score \"\t\\ 0");
  EXPECT_EQ(defaults.floor(), std::numeric_limits<std::int64_t>::min());
  EXPECT_TRUE(defaults.open());
  EXPECT_EQ(defaults.factor(), 1.5);
  EXPECT_EQ(Host("score#0@test").memory().timers().at(0).period_ms, 10'000U);
  auto mine = defaults;
  mine.set_period_sec(7);
  EXPECT_EQ(Host("score#0@test", mine).memory().timers().at(0).period_ms, 7'000U);
}

TEST(Start, OfAServiceThatIsNoneOfThePlugin) {
  EXPECT_THAT([] { Host("game#0@test"); }, ThrowsMessage<std::invalid_argument>(HasSubstr("it has score")));
  EXPECT_THAT([] { Host("score"); }, ThrowsMessage<std::invalid_argument>(HasSubstr("name#index@group")));
}

TEST(Start, WaitsWhenTheTestSaysSo) {
  Host host("score#0@test", cellmesh::test::not_started);
  EXPECT_THAT(host.memory().timers(), IsEmpty());
  EXPECT_EQ(host.start(), Status::ok);
  EXPECT_THAT(host.memory().timers(), SizeIs(1));
}

TEST(Start, FromAStateTakesItsPlace) {
  score::ScoreState state;
  state.set_total(41);
  Host host("score#0@test", state);
  EXPECT_THAT(host.memory().timers(), IsEmpty()) << "start() was not called";
  EXPECT_TRUE(host.logged("resumed with 41"));
  EXPECT_EQ(host.state<score::ScoreState>().total(), 41);
}

}  // namespace
