#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

namespace {

using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Act;
using cellmesh::test::Did;
using cellmesh::test::Host;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

proto::HubSettings settings() {
  auto settings = cellmesh::test::defaults<proto::HubSettings>();
  settings.set_status_ttl_sec(6);
  settings.set_max_channels(3);
  return settings;
}

class HubPlugin : public testing::Test {
 protected:
  Status subscribe(ServiceId who, const std::string& channel) {
    proto::SubscribeChannelREQ req;
    req.set_channel(channel);
    return host.deliver(req, who);
  }
  bool unsubscribe(ServiceId who, const std::string& channel) {
    proto::UnsubscribeChannelREQ req;
    req.set_channel(channel);
    host.deliver(req, who);
    return host.one<proto::UnsubscribeChannelACK>(who).found();
  }
  Status publish(const std::string& channel, const std::string& body, std::uint32_t id = 7) {
    proto::PublishREQ req;
    req.set_channel(channel);
    req.set_msg_id(id);
    req.set_body(body);
    return host.deliver(req, game);
  }
  // What went to subscribers, or was tried: `agent news: rain`, with the messages lost before it.
  std::vector<std::string> told() {
    std::vector<std::string> all;
    for (const Act& act : host.memory().take(Did::send)) {
      proto::ChannelMessageACK message;
      EXPECT_TRUE(message.ParseFromString(act.body));
      all.push_back((act.to == agent.handle() ? "agent " : "game ") + message.channel() + ": " +
                    (message.msg_id() == 0 ? "nothing" : message.body()));
      if (message.lost() > 0) all.back() += ", " + std::to_string(message.lost()) + " lost";
    }
    return all;
  }
  proto::ListChannelsACK list() { return host.reply<proto::ListChannelsACK>(host.ask(proto::ListChannelsREQ(), game)); }
  Status report(ServiceId who, const std::string& id, int users) {
    proto::SvcStatusACK status;
    status.set_svc_id(id);
    status.set_user_count(users);
    return host.deliver(status, who);
  }
  // The service is too slow from now on, or not any more.
  void slow(ServiceId who) {
    host.memory().decide(
        [who](const Act& act) { return act.did == Did::send && act.to == who.handle() ? CM_BACKPRESSURE : CM_OK; });
  }
  void fast() { host.memory().decide(nullptr); }

  Host host{"hub#0@test", settings()};
  ServiceId agent = host.up("agent#0@test");
  ServiceId game = host.up("game#0@test");
};

TEST_F(HubPlugin, SubscriberIsAnsweredAndGetsWhatIsPublished) {
  EXPECT_EQ(subscribe(agent, "news"), Status::ok);
  EXPECT_EQ(host.one<proto::SubscribeChannelACK>(agent).channel(), "news");
  EXPECT_EQ(publish("news", "rain"), Status::ok);
  const auto message = host.one<proto::ChannelMessageACK>(agent);
  EXPECT_EQ(message.msg_id(), 7U);
  EXPECT_EQ(message.body(), "rain");
  EXPECT_EQ(message.from(), "game#0@test");
  EXPECT_EQ(message.lost(), 0U);
}

TEST_F(HubPlugin, PublisherThatIsSubscribedHearsItself) {
  subscribe(game, "news");
  publish("news", "rain");
  EXPECT_THAT(told(), ElementsAre("game news: rain"));
}

TEST_F(HubPlugin, SubscribingTwiceIsOneSubscription) {
  subscribe(agent, "news");
  subscribe(agent, "news");
  publish("news", "rain");
  EXPECT_THAT(told(), ElementsAre("agent news: rain"));
}

TEST_F(HubPlugin, WhoUnsubscribedHearsNothing) {
  subscribe(agent, "news");
  EXPECT_TRUE(unsubscribe(agent, "news"));
  EXPECT_FALSE(unsubscribe(agent, "news"));
  publish("news", "rain");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(HubPlugin, ServiceThatWentDownIsSubscribedToNothing) {
  subscribe(agent, "news");
  subscribe(agent, "sports");
  subscribe(game, "news");
  host.down("agent#0@test");
  publish("news", "rain");
  publish("sports", "goal");
  EXPECT_THAT(told(), ElementsAre("game news: rain"));
  EXPECT_EQ(list().channels_size(), 1);
}

TEST_F(HubPlugin, ChannelNamesAreOneTo200Bytes) {
  EXPECT_EQ(subscribe(agent, ""), Status::refused);
  EXPECT_EQ(subscribe(agent, std::string(201, 'x')), Status::refused);
  EXPECT_EQ(subscribe(agent, std::string(200, 'x')), Status::ok);
  EXPECT_EQ(publish("", "rain"), Status::refused);
  EXPECT_EQ(publish(std::string(201, 'x'), "rain"), Status::refused);
}

TEST_F(HubPlugin, MessageIdsAreOf16BitsAndNotZero) {
  EXPECT_EQ(publish("news", "rain", 0), Status::refused);
  EXPECT_EQ(publish("news", "rain", 65536), Status::refused);
  EXPECT_EQ(publish("news", "rain", 65535), Status::ok);
}

TEST_F(HubPlugin, ChannelPastTheLimitIsRefusedAndRoomComesBack) {
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(subscribe(agent, name), Status::ok);
  EXPECT_EQ(subscribe(agent, "d"), Status::refused);
  EXPECT_TRUE(host.logged("max_channels"));
  EXPECT_EQ(subscribe(game, "a"), Status::ok);
  unsubscribe(agent, "b");
  EXPECT_EQ(subscribe(agent, "d"), Status::ok);
}

TEST_F(HubPlugin, ClientReachesNothing) {
  proto::PublishREQ req;
  req.set_channel("news");
  req.set_msg_id(7);
  EXPECT_EQ(host.deliver(req, host.client()), Status::unhandled);
}

TEST_F(HubPlugin, SlowSubscriberLosesAndIsToldWithTheNextMessage) {
  subscribe(agent, "news");
  subscribe(game, "news");
  slow(agent);
  publish("news", "one");
  publish("news", "two");
  EXPECT_THAT(told(), ElementsAre("agent news: one", "game news: one", "agent news: two, 1 lost", "game news: two"));
  fast();
  publish("news", "three");
  publish("news", "four");
  EXPECT_THAT(told(),
              ElementsAre("agent news: three, 2 lost", "game news: three", "agent news: four", "game news: four"));
  EXPECT_EQ(host.metric("lost"), 2);
}

TEST_F(HubPlugin, SlowSubscriberIsToldAlsoWhenNothingFollows) {
  subscribe(agent, "news");
  slow(agent);
  publish("news", "one");
  EXPECT_THAT(told(), SizeIs(1));
  host.advance(200ms);  // still slow: tried again later
  EXPECT_THAT(told(), ElementsAre("agent news: nothing, 1 lost"));
  fast();
  host.advance(200ms);
  EXPECT_THAT(told(), ElementsAre("agent news: nothing, 1 lost"));
  host.advance(200ms);
  EXPECT_THAT(told(), IsEmpty());
  publish("news", "two");
  EXPECT_THAT(told(), ElementsAre("agent news: two"));
}

TEST_F(HubPlugin, SlowSubscriberThatLeftIsNotToldAnyMore) {
  subscribe(agent, "news");
  slow(agent);
  publish("news", "one");
  fast();
  host.down("agent#0@test");
  host.clear();
  host.advance(200ms);
  EXPECT_THAT(host.did(), IsEmpty());
}

TEST_F(HubPlugin, MessageTooLargeToPassOnIsRefused) {
  subscribe(agent, "news");
  EXPECT_EQ(publish("news", std::string(CM_MAX_SERVICE_BODY - 20, 'x')), Status::too_large);
  EXPECT_EQ(publish("news", std::string(CM_MAX_SERVICE_BODY - 1000, 'x')), Status::ok);
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
  EXPECT_EQ(report(game, "game#0@test", 5), Status::ok);
  const auto message = host.one<proto::ChannelMessageACK>(agent);
  EXPECT_EQ(message.channel(), "status");
  EXPECT_EQ(message.msg_id(), cellmesh::MessageTraits<proto::SvcStatusACK>::id);
  EXPECT_EQ(message.from(), "game#0@test");
  proto::SvcStatusACK status;
  ASSERT_TRUE(status.ParseFromString(message.body()));
  EXPECT_EQ(status.user_count(), 5);
}

TEST_F(HubPlugin, StatusOfAnotherServiceOrBelowZeroIsRefused) {
  EXPECT_EQ(report(agent, "game#0@test", 5), Status::refused);
  EXPECT_EQ(report(game, "game#0@test", -1), Status::refused);
}

TEST_F(HubPlugin, NewSubscriberToStatusGetsTheReportsThatAreStillBelieved) {
  report(game, "game#0@test", 5);
  host.advance(5'999ms);
  subscribe(agent, "status");
  EXPECT_THAT(told(), SizeIs(1));
  unsubscribe(agent, "status");
  host.advance(1ms);
  subscribe(agent, "status");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(HubPlugin, ReportOfAServiceThatWentDownIsForgotten) {
  report(game, "game#0@test", 5);
  host.down("game#0@test");
  subscribe(agent, "status");
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
