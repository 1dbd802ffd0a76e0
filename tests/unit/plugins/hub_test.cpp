#include "unit/plugins/loaded.hpp"

namespace cm::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HubPlugin : public testing::Test {
 protected:
  static std::string default_settings() {
    proto::HubSettings settings;
    settings.set_status_ttl_sec(6);
    settings.set_max_channels(3);
    return settings.SerializeAsString();
  }
  void SetUp() override {
    ASSERT_TRUE(hub.created());
    ASSERT_EQ(hub.start(), CM_OK);
    sweep = host.take("timer").at(0);
  }

  cm_status subscribe(cm_service who, const std::string& channel) {
    proto::SubscribeChannelREQ req;
    req.set_channel(channel);
    return hub.from_service(who, id_of<proto::SubscribeChannelREQ>, req);
  }
  bool unsubscribe(cm_service who, const std::string& channel) {
    proto::UnsubscribeChannelREQ req;
    req.set_channel(channel);
    hub.from_service(who, id_of<proto::UnsubscribeChannelREQ>, req);
    return parsed<proto::UnsubscribeChannelACK>(host.take("reply").at(0)).found();
  }
  cm_status publish(const std::string& channel, const std::string& body, std::uint32_t id = 7) {
    proto::PublishREQ req;
    req.set_channel(channel);
    req.set_msg_id(id);
    req.set_body(body);
    return hub.from_service(game, id_of<proto::PublishREQ>, req);
  }
  // What went to subscribers: `3 news: rain`, with the messages lost before it.
  std::vector<std::string> told() { return told(host.take("send")); }
  static std::vector<std::string> told(const std::vector<Asked>& sends) {
    std::vector<std::string> all;
    for (const auto& a : sends) {
      const auto message = parsed<proto::ChannelMessageACK>(a);
      all.push_back(std::to_string(a.to) + " " + message.channel() + ": " +
                    (message.msg_id() == 0 ? "nothing" : message.body()));
      if (message.lost() > 0) all.back() += ", " + std::to_string(message.lost()) + " lost";
    }
    return all;
  }
  proto::ListChannelsACK list() {
    host.take();
    hub.from_service(game, id_of<proto::ListChannelsREQ>, proto::ListChannelsREQ(), 9);
    return parsed<proto::ListChannelsACK>(host.take("reply").at(0));
  }
  cm_status report(cm_service who, const std::string& id, int users) {
    proto::SvcStatusACK status;
    status.set_svc_id(id);
    status.set_user_count(users);
    return hub.from_service(who, id_of<proto::SvcStatusACK>, status);
  }
  // The service is too slow from now on, or not any more.
  void slow(cm_service who) {
    host.answer = [who](const Asked& a) { return a.what == "send" && a.to == who ? CM_BACKPRESSURE : CM_OK; };
  }
  void fast() { host.answer = nullptr; }

  FakeHost host{"hub#0@test", default_settings()};
  cm_service agent = host.up("agent#0@test");  // 2
  cm_service game = host.up("game#0@test");    // 3
  Running hub{kind_of("hub"), host};
  Asked sweep;
};

TEST_F(HubPlugin, SubscriberIsAnsweredAndGetsWhatIsPublished) {
  EXPECT_EQ(subscribe(agent, "news"), CM_OK);
  const auto replies = host.take("reply");
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(parsed<proto::SubscribeChannelACK>(replies[0]).channel(), "news");
  EXPECT_EQ(publish("news", "rain"), CM_OK);
  const auto sends = host.take("send");
  ASSERT_EQ(sends.size(), 1U);
  const auto message = parsed<proto::ChannelMessageACK>(sends[0]);
  EXPECT_EQ(sends[0].to, agent);
  EXPECT_EQ(message.msg_id(), 7U);
  EXPECT_EQ(message.body(), "rain");
  EXPECT_EQ(message.from(), "game#0@test");
  EXPECT_EQ(message.lost(), 0U);
}

TEST_F(HubPlugin, PublisherThatIsSubscribedHearsItself) {
  subscribe(game, "news");
  publish("news", "rain");
  EXPECT_THAT(told(), ElementsAre("3 news: rain"));
}

TEST_F(HubPlugin, SubscribingTwiceIsOneSubscription) {
  subscribe(agent, "news");
  subscribe(agent, "news");
  publish("news", "rain");
  EXPECT_THAT(told(), ElementsAre("2 news: rain"));
}

TEST_F(HubPlugin, WhoUnsubscribedHearsNothing) {
  subscribe(agent, "news");
  host.take();
  EXPECT_TRUE(unsubscribe(agent, "news"));
  EXPECT_FALSE(unsubscribe(agent, "news"));
  publish("news", "rain");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(HubPlugin, ServiceThatWentDownIsSubscribedToNothing) {
  subscribe(agent, "news");
  subscribe(agent, "sports");
  subscribe(game, "news");
  hub.service(agent, false);
  host.take();
  publish("news", "rain");
  publish("sports", "goal");
  EXPECT_THAT(told(), ElementsAre("3 news: rain"));
  EXPECT_EQ(list().channels_size(), 1);
}

TEST_F(HubPlugin, ChannelNamesAreOneTo200Bytes) {
  EXPECT_EQ(subscribe(agent, ""), CM_REFUSED);
  EXPECT_EQ(subscribe(agent, std::string(201, 'x')), CM_REFUSED);
  EXPECT_EQ(subscribe(agent, std::string(200, 'x')), CM_OK);
  EXPECT_EQ(publish("", "rain"), CM_REFUSED);
  EXPECT_EQ(publish(std::string(201, 'x'), "rain"), CM_REFUSED);
}

TEST_F(HubPlugin, MessageIdsAreOf16BitsAndNotZero) {
  EXPECT_EQ(publish("news", "rain", 0), CM_REFUSED);
  EXPECT_EQ(publish("news", "rain", 65536), CM_REFUSED);
  EXPECT_EQ(publish("news", "rain", 65535), CM_OK);
}

TEST_F(HubPlugin, ChannelPastTheLimitIsRefusedAndRoomComesBack) {
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(subscribe(agent, name), CM_OK);
  EXPECT_EQ(subscribe(agent, "d"), CM_REFUSED);
  EXPECT_THAT(host.lines, Contains(HasSubstr("max_channels")));
  EXPECT_EQ(subscribe(game, "a"), CM_OK);
  host.take();
  unsubscribe(agent, "b");
  EXPECT_EQ(subscribe(agent, "d"), CM_OK);
}

TEST_F(HubPlugin, ClientReachesNothing) {
  proto::PublishREQ req;
  req.set_channel("news");
  req.set_msg_id(7);
  EXPECT_EQ(hub.from_client({agent, 0, 41}, id_of<proto::PublishREQ>, req), CM_UNHANDLED);
}

TEST_F(HubPlugin, SlowSubscriberLosesAndIsToldWithTheNextMessage) {
  subscribe(agent, "news");
  subscribe(game, "news");
  host.take();
  slow(agent);
  publish("news", "one");
  publish("news", "two");
  EXPECT_THAT(told(), ElementsAre("2 news: one", "3 news: one", "2 news: two, 1 lost", "3 news: two"));
  fast();
  publish("news", "three");
  publish("news", "four");
  EXPECT_THAT(told(), ElementsAre("2 news: three, 2 lost", "3 news: three", "2 news: four", "3 news: four"));
  EXPECT_EQ(host.metrics["lost"], 2);
}

TEST_F(HubPlugin, SlowSubscriberIsToldAlsoWhenNothingFollows) {
  subscribe(agent, "news");
  host.take();
  slow(agent);
  publish("news", "one");
  auto timers = host.take("timer");
  ASSERT_EQ(timers.size(), 1U);
  EXPECT_EQ(hub.fire(timers[0]), CM_OK);  // still slow: tried again later
  timers = host.take("timer");
  ASSERT_EQ(timers.size(), 1U);
  fast();
  EXPECT_EQ(hub.fire(timers[0]), CM_OK);
  EXPECT_THAT(told(host.asked), ElementsAre("2 news: nothing, 1 lost"));
  host.take();
  publish("news", "two");
  EXPECT_THAT(told(), ElementsAre("2 news: two"));
}

TEST_F(HubPlugin, SlowSubscriberThatLeftIsNotToldAnyMore) {
  subscribe(agent, "news");
  slow(agent);
  publish("news", "one");
  const auto timers = host.take("timer");
  fast();
  hub.service(agent, false);
  EXPECT_EQ(hub.fire(timers.at(0)), CM_OK);
  EXPECT_THAT(host.take(), IsEmpty());
}

TEST_F(HubPlugin, MessageTooLargeToPassOnIsRefused) {
  subscribe(agent, "news");
  EXPECT_EQ(publish("news", std::string(CM_MAX_SERVICE_BODY - 20, 'x')), CM_TOO_LARGE);
  EXPECT_EQ(publish("news", std::string(CM_MAX_SERVICE_BODY - 1000, 'x')), CM_OK);
}

TEST_F(HubPlugin, ListTellsChannelsSubscribersAndLosses) {
  subscribe(agent, "news");
  subscribe(game, "news");
  subscribe(agent, "sports");
  slow(agent);
  publish("news", "rain");
  fast();
  const auto ack = list();
  ASSERT_EQ(ack.channels_size(), 2);
  EXPECT_EQ(ack.channels(0).name(), "news");
  EXPECT_EQ(ack.channels(0).subscribers(), 2U);
  EXPECT_EQ(ack.channels(0).lost(), 1U);
  EXPECT_FALSE(ack.more());
}

TEST_F(HubPlugin, StatusReportGoesToTheStatusChannel) {
  subscribe(agent, "status");
  host.take();
  EXPECT_EQ(report(game, "game#0@test", 5), CM_OK);
  const auto sends = host.take("send");
  ASSERT_EQ(sends.size(), 1U);
  const auto message = parsed<proto::ChannelMessageACK>(sends[0]);
  EXPECT_EQ(message.channel(), "status");
  EXPECT_EQ(message.msg_id(), id_of<proto::SvcStatusACK>);
  EXPECT_EQ(message.from(), "game#0@test");
  proto::SvcStatusACK status;
  ASSERT_TRUE(status.ParseFromString(message.body()));
  EXPECT_EQ(status.user_count(), 5);
}

TEST_F(HubPlugin, StatusOfAnotherServiceOrBelowZeroIsRefused) {
  EXPECT_EQ(report(agent, "game#0@test", 5), CM_REFUSED);
  EXPECT_EQ(report(game, "game#0@test", -1), CM_REFUSED);
}

TEST_F(HubPlugin, NewSubscriberToStatusGetsTheReportsThatAreStillBelieved) {
  report(game, "game#0@test", 5);
  host.now = 5'999;
  subscribe(agent, "status");
  EXPECT_EQ(host.take("send").size(), 1U);
  unsubscribe(agent, "status");
  host.now = 6'000;
  subscribe(agent, "status");
  EXPECT_THAT(host.take("send"), IsEmpty());
  EXPECT_EQ(hub.fire(sweep), CM_OK);
}

TEST_F(HubPlugin, ReportOfAServiceThatWentDownIsForgotten) {
  report(game, "game#0@test", 5);
  hub.service(game, false);
  subscribe(agent, "status");
  EXPECT_THAT(host.take("send"), IsEmpty());
}

}  // namespace
}  // namespace cm::test
