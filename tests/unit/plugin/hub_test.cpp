// Channels and status reports of a service, against hubs of other hosts.
#include "harness.hpp"
#include "hub.pb.h"
#include "routing/message_id.hpp"

namespace cm::plugin::test {
namespace {

using routing::Kind;
using routing::message_id;

class HubTest : public testing::Test {
 protected:
  // Waits until the hub was asked so often to subscribe `channel`.
  static bool subscribed(const FakeService& hub, const std::string& channel, int times = 1) {
    return eventually(
        [&] { return count<proto::SubscribeChannelREQ>(hub, "protoSubscribeChannelREQ", channel) >= times; });
  }
  template <class Message>
  static int count(const FakeService& hub, std::string_view name, const std::string& channel) {
    int n = 0;
    for (const auto& got : hub.got()) {
      Message message;
      if (got.msg_id == message_id(name) && message.ParseFromString(got.body) && message.channel() == channel) ++n;
    }
    return n;
  }
  static bool eventually(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  void channel_message(routing::ServiceRef from, const std::string& channel, std::uint32_t id, const std::string& body,
                       std::uint64_t lost = 0) {
    proto::ChannelMessageACK message;
    message.set_channel(channel);
    message.set_msg_id(id);
    message.set_body(body);
    message.set_from("chat#3@test");
    message.set_lost(lost);
    Rig::deliver(service, {.kind = Kind::message, .msg_id = message_id("protoChannelMessageACK"), .from = from},
                 message.SerializeAsString());
  }
  [[nodiscard]] const cm_host_channel& channel() const { return puppet.ext<cm_host_channel>(CM_EXT_CHANNEL); }

  Puppet puppet{"game"};
  Rig rig;
  std::shared_ptr<FakeService> hub = std::make_shared<FakeService>();
  std::shared_ptr<Service> service;
};

TEST_F(HubTest, EveryServiceIsSubscribedToItsKindAndItsId) {
  rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  EXPECT_TRUE(subscribed(*hub, "game"));
  EXPECT_TRUE(subscribed(*hub, "game#0@test"));
  EXPECT_EQ(count<proto::SubscribeChannelREQ>(*hub, "protoSubscribeChannelREQ", "status"), 0);
}

TEST_F(HubTest, SubscriptionsAreMadeWhenTheHubComesAndAgainWhenItComesBack) {
  service = rig.start(puppet);
  EXPECT_EQ(rig.run(service, [&] { return channel().subscribe(puppet.host, "world", "on_world", bytes("c"), 1); }),
            CM_OK);
  EXPECT_EQ(rig.run(service, [&] { return channel().publish(puppet.host, "world", 5, bytes("x"), 1); }),
            CM_UNAVAILABLE);
  const auto ref = rig.put_remote("hub#0@test", hub);
  EXPECT_TRUE(subscribed(*hub, "world"));
  rig.registry.remove(ref);
  rig.put_remote("hub#0@test", hub);
  EXPECT_TRUE(subscribed(*hub, "world", 2));
  EXPECT_TRUE(subscribed(*hub, "game", 2));
}

TEST_F(HubTest, FullHubIsAskedAgain) {
  hub->answer(routing::Delivery::full);
  rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  EXPECT_TRUE(eventually([&] { return hub->asked() >= 4; }));
  hub->answer(routing::Delivery::sent);
  EXPECT_TRUE(subscribed(*hub, "game"));
}

TEST_F(HubTest, WithSeveralHubsAChannelMovesToTheOneThatOwnsIt) {
  rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  rig.run(service, [&] {
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(channel().subscribe(puppet.host, ("c" + std::to_string(i)).c_str(), "h", nullptr, 0), CM_OK);
    }
  });
  const auto second = std::make_shared<FakeService>();
  rig.put_remote("hub#1@test", second);
  EXPECT_TRUE(eventually([&] { return !second->got().empty(); }));
  rig.run(service, [] {});
  int moved = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "c" + std::to_string(i);
    const int here = count<proto::SubscribeChannelREQ>(*second, "protoSubscribeChannelREQ", name);
    EXPECT_EQ(here, count<proto::UnsubscribeChannelREQ>(*hub, "protoUnsubscribeChannelREQ", name)) << name;
    moved += here;
  }
  EXPECT_GT(moved, 5);
  EXPECT_LT(moved, 35);
}

TEST_F(HubTest, ChannelMessageComesToItsHandlerWithCookieAndLoss) {
  const auto ref = rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  rig.run(service, [&] { return channel().subscribe(puppet.host, "world", "on_world", bytes("ck"), 2); });
  channel_message(ref, "world", 77, "news", 3);
  EXPECT_TRUE(puppet.told("channel world on_world:ck 77 news lost 3"));
  channel_message(ref, "game", 78, "to all");
  EXPECT_TRUE(puppet.told("channel game : 78 to all lost 0"));
}

TEST_F(HubTest, PluginWithoutChannelsGetsPlainMessages) {
  puppet.with_channels = false;
  const auto ref = rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  cm_service from = 0;
  puppet.on_message = [&](const cm_message& m) {
    from = m.request.from;
    return CM_OK;
  };
  channel_message(ref, "game", 78, "to all");
  EXPECT_TRUE(puppet.told("message 78 to all"));
  rig.run(service, [] {});
  EXPECT_EQ(from, static_cast<cm_service>(rig.names.service("chat#3@test")));
}

TEST_F(HubTest, OnlyAHubSpeaksForChannels) {
  const auto liar = rig.put_remote("liar#0@test", std::make_shared<FakeService>());
  rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  channel_message(liar, "game", 78, "lie");
  rig.run(service, [] {});
  EXPECT_EQ(std::ranges::count_if(puppet.all(), [](const auto& s) { return s.starts_with("channel"); }), 0);
}

TEST_F(HubTest, UnsubscribedChannelIsLeftAgainWhenTheHubMissedIt) {
  const auto ref = rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  rig.run(service, [&] {
    EXPECT_EQ(channel().unsubscribe(puppet.host, "world"), CM_NOT_FOUND);
    EXPECT_EQ(channel().subscribe(puppet.host, "world", "h", nullptr, 0), CM_OK);
    EXPECT_EQ(channel().unsubscribe(puppet.host, "world"), CM_OK);
  });
  EXPECT_EQ(count<proto::UnsubscribeChannelREQ>(*hub, "protoUnsubscribeChannelREQ", "world"), 1);
  channel_message(ref, "world", 77, "late");
  rig.run(service, [] {});
  EXPECT_EQ(count<proto::UnsubscribeChannelREQ>(*hub, "protoUnsubscribeChannelREQ", "world"), 2);
  EXPECT_EQ(std::ranges::count_if(puppet.all(), [](const auto& s) { return s.starts_with("channel"); }), 0);
}

TEST_F(HubTest, GarbageOfAHubIsDropped) {
  const auto ref = rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  Rig::deliver(service, {.kind = Kind::message, .msg_id = message_id("protoChannelMessageACK"), .from = ref},
               "\xff\xff");
  channel_message(ref, "game", 70'000, "an id that is none");
  rig.run(service, [] {});
  EXPECT_EQ(puppet.all().size(), 2U);
}

TEST_F(HubTest, BadChannelsAreRefused) {
  rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  rig.run(service, [&] {
    const std::string big(201, 'x');
    const std::string body(CM_MAX_SERVICE_BODY, 'x');
    EXPECT_EQ(channel().subscribe(puppet.host, "", "h", nullptr, 0), CM_INVALID);
    EXPECT_EQ(channel().subscribe(puppet.host, big.c_str(), "h", nullptr, 0), CM_INVALID);
    EXPECT_EQ(channel().subscribe(puppet.host, "\xff", "h", nullptr, 0), CM_INVALID);
    EXPECT_EQ(channel().subscribe(puppet.host, "c", nullptr, nullptr, 0), CM_INVALID);
    EXPECT_EQ(channel().publish(puppet.host, nullptr, 5, nullptr, 0), CM_INVALID);
    EXPECT_EQ(channel().publish(puppet.host, "c", 0, nullptr, 0), CM_INVALID);
    EXPECT_EQ(channel().publish(puppet.host, "c", 5, nullptr, 1), CM_INVALID);
    EXPECT_EQ(channel().publish(puppet.host, "c", 5, bytes(body), body.size()), CM_OK);  // the fake takes any size
    std::size_t made = 0;
    while (channel().subscribe(puppet.host, ("n" + std::to_string(made)).c_str(), "h", nullptr, 0) == CM_OK) ++made;
    EXPECT_EQ(made, HubClient::kMaxSubscriptions - 2);
  });
}

TEST_F(HubTest, LoadIsReportedToTheHub) {
  rig.put_remote("hub#0@test", hub);
  service = rig.start(puppet);
  rig.run(service, [&] { puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY).set_load(puppet.host, 12); });
  proto::SvcStatusACK report;
  EXPECT_TRUE(eventually([&] {
    for (const auto& got : hub->got()) {
      if (got.msg_id == message_id("protoSvcStatusACK")) return report.ParseFromString(got.body);
    }
    return false;
  }));
  EXPECT_EQ(report.svc_id(), "game#0@test");
  EXPECT_EQ(report.user_count(), 12);
}

TEST_F(HubTest, ReportsOfOthersFeedThePickButOwnOnesAreNotOverwritten) {
  rig.manifest.requires_kinds = {"data"};
  const auto ref = rig.put_remote("hub#0@test", hub);
  const auto data = rig.put_remote("data#0@test", std::make_shared<FakeService>());
  service = rig.start(puppet);
  EXPECT_TRUE(subscribed(*hub, "status"));
  rig.run(service, [&] { puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY).set_load(puppet.host, 1); });
  for (const auto* id : {"data#0@test", "game#0@test"}) {
    proto::SvcStatusACK report;
    report.set_svc_id(id);
    report.set_user_count(99);
    channel_message(ref, "status", message_id("protoSvcStatusACK"), report.SerializeAsString());
  }
  rig.run(service, [] {});
  const auto snapshot = rig.registry.snapshot();
  EXPECT_EQ(snapshot->find(data)->load->users, 99U);
  EXPECT_TRUE(routing::Registry::load_known(*snapshot->find(data)));
  EXPECT_EQ(snapshot->find(service->ref())->load->users, 1U);
  EXPECT_EQ(std::ranges::count_if(puppet.all(), [](const auto& s) { return s.starts_with("channel"); }), 0)
      << "the host's own subscription is not the plugin's";
}

}  // namespace
}  // namespace cm::plugin::test
