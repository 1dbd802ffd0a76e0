// Timers, settings, metrics and the directory, as a service sees them.
#include <limits>

#include "harness.hpp"
#include "plugin/deadline_map.hpp"

namespace cm::plugin::test {
namespace {

TEST(DeadlineMapTest, EqualDeadlinesComeInTheOrderOfTheirNumbers) {
  DeadlineMap<int> map(1);
  const auto a = map.add(10, 1);
  const auto b = map.add(5, 2);
  const auto c = map.add(10, 3);
  std::vector<std::uint64_t> due;
  map.due(10, due);
  EXPECT_EQ(due, (std::vector{b, a, c}));
}

TEST(DeadlineMapTest, WhatWasTakenLeavesNoGrowingTrace) {
  DeadlineMap<int> map(1);
  for (int i = 0; i < 100'000; ++i) (void)map.take(map.add(1'000'000 + i, i));
  const auto kept = map.add(7, 1);
  std::vector<std::uint64_t> due;
  map.due(std::numeric_limits<std::int64_t>::max() - 1, due);
  EXPECT_EQ(due, std::vector{kept});
}

TEST(DeadlineMapTest, MovedDeadlineCountsAndTheOldOneDoesNot) {
  DeadlineMap<int> map(1);
  const auto a = map.add(5, 1);
  map.move_deadline(a, 20);
  std::vector<std::uint64_t> due;
  map.due(10, due);
  EXPECT_TRUE(due.empty());
  map.due(20, due);
  EXPECT_EQ(due, std::vector{a});
}

class TimerTest : public testing::Test {
 protected:
  [[nodiscard]] const cm_host_timer& timer() const { return puppet.ext<cm_host_timer>(CM_EXT_TIMER); }
  cm_status set(std::uint64_t delay, std::uint64_t period, const char* handler, std::string_view cookie = "",
                cm_timer* out = nullptr) {
    return timer().start(puppet.host, delay, period, handler, bytes(cookie), cookie.size(), out);
  }
  std::atomic<bool> enough{false};  // outlives the service
  Puppet puppet{"timed"};
  Rig rig;
  std::shared_ptr<Service> service = rig.start(puppet, "first values");
};

TEST_F(TimerTest, FireInTheOrderOfTheirTimeThenOfTheirStart) {
  rig.run(service, [&] {
    EXPECT_EQ(set(30, 0, "late"), CM_OK);
    EXPECT_EQ(set(0, 0, "a", "1"), CM_OK);
    EXPECT_EQ(set(0, 0, "b", "2"), CM_OK);
  });
  EXPECT_TRUE(puppet.told("timer late:"));
  EXPECT_EQ(puppet.all(), (std::vector<std::string>{"create", "start", "timer a:1", "timer b:2", "timer late:"}));
}

TEST_F(TimerTest, CancelledOneDoesNotFireEvenWhenItIsDue) {
  cm_timer second = 0;
  puppet.on_told = [&](const std::string& what) {
    if (what == "timer first:") {
      EXPECT_EQ(timer().cancel(puppet.host, second), CM_OK);
    }
  };
  rig.run(service, [&] {
    EXPECT_EQ(set(1, 0, "first"), CM_OK);
    EXPECT_EQ(set(1, 0, "second", "", &second), CM_OK);
    EXPECT_EQ(set(20, 0, "third"), CM_OK);
  });
  EXPECT_TRUE(puppet.told("timer third:"));
  EXPECT_EQ(std::ranges::count(puppet.all(), "timer second:"), 0);
  rig.run(service, [&] {
    EXPECT_EQ(timer().cancel(puppet.host, second), CM_NOT_FOUND);
    EXPECT_EQ(timer().cancel(puppet.host, 0), CM_NOT_FOUND);
  });
}

TEST_F(TimerTest, PeriodicOneFiresUntilItIsCancelledFromItsOwnHandler) {
  cm_timer id = 0;
  int fired = 0;
  puppet.on_told = [&](const std::string& what) {
    if (what != "timer tick:x") return;
    if (++fired == 3) {
      EXPECT_EQ(timer().cancel(puppet.host, id), CM_OK);
      EXPECT_EQ(set(20, 0, "end"), CM_OK);
    }
  };
  rig.run(service, [&] { EXPECT_EQ(set(1, 1, "tick", "x", &id), CM_OK); });
  EXPECT_TRUE(puppet.told("timer end:"));
  EXPECT_EQ(std::ranges::count(puppet.all(), "timer tick:x"), 3);
}

TEST_F(TimerTest, BadOnesAndTooManyAreRefused) {
  rig.run(service, [&] {
    const std::string cookie(CM_MAX_COOKIE + 1, 'x');
    EXPECT_EQ(set(1, 0, ""), CM_INVALID);
    EXPECT_EQ(set(1, 0, nullptr), CM_INVALID);
    EXPECT_EQ(set(1, 0, "h", cookie), CM_INVALID);
    const auto far = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t i = 0; i < Service::kMaxTimers; ++i) ASSERT_EQ(set(far, far, "far"), CM_OK);
    EXPECT_EQ(set(1, 0, "one too many"), CM_BACKPRESSURE);
  });
}

TEST_F(TimerTest, MessagesDoNotStarveTimersNorTimersMessages) {
  puppet.on_message = [&](const cm_message& m) {
    if (m.id == 10 && !enough) Rig::deliver(service, {.kind = routing::Kind::message, .msg_id = 10});
    return CM_OK;
  };
  Rig::deliver(service, {.kind = routing::Kind::message, .msg_id = 10});
  rig.run(service, [&] { EXPECT_EQ(set(5, 0, "through"), CM_OK); });
  EXPECT_TRUE(puppet.told("timer through:"));
  enough = true;
}

TEST_F(TimerTest, SettingsAreReadAsTheyWereToldOf) {
  const auto read = [&] {
    return rig.run(service, [&] {
      std::string got;
      const auto sink = [](void* ctx, const std::uint8_t* data, std::size_t size) {
        static_cast<std::string*>(ctx)->assign(reinterpret_cast<const char*>(data), size);
      };
      EXPECT_EQ(puppet.ext<cm_host_settings>(CM_EXT_SETTINGS).get(puppet.host, sink, &got), CM_OK);
      return got;
    });
  };
  EXPECT_EQ(read(), "first values");
  service->mailbox()->settings_changed("next values");
  EXPECT_TRUE(puppet.told("settings next values"));
  EXPECT_EQ(read(), "next values");
}

TEST_F(TimerTest, MetricsHaveOneHandleAName) {
  rig.run(service, [&] {
    const auto& m = puppet.ext<cm_host_metrics>(CM_EXT_METRICS);
    const auto chats = m.get(puppet.host, "chats");
    EXPECT_NE(chats, 0U);
    EXPECT_EQ(m.get(puppet.host, "chats"), chats);
    EXPECT_EQ(m.get(puppet.host, "Bad Name"), 0U);
    EXPECT_EQ(m.get(puppet.host, nullptr), 0U);
    m.add(puppet.host, chats, 3);
    m.add(puppet.host, 999, 3);
    m.set(puppet.host, 0, 3);
  });
  EXPECT_EQ(service->metrics().values(), (std::vector<std::pair<std::string, std::int64_t>>{{"chats", 3}}));
}

TEST_F(TimerTest, DirectoryPicksTheLeastLoadedThatStays) {
  const auto remote = std::make_shared<FakeService>();
  const auto a = rig.put_remote("game#1@test", remote);
  const auto b = rig.put_remote("game#2@test", remote);
  const auto c = rig.put_remote("game#3@test", remote, true);
  EXPECT_TRUE(puppet.told("up game#1@test"));
  rig.run(service, [&] {
    const auto& d = puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY);
    d.set_load_of(puppet.host, static_cast<cm_service>(a), 5, 60'000);
    d.set_load_of(puppet.host, static_cast<cm_service>(b), 2, 60'000);
    d.set_load_of(puppet.host, static_cast<cm_service>(c), 0, 60'000);
    EXPECT_EQ(d.pick(puppet.host, "game"), static_cast<cm_service>(b));
    EXPECT_EQ(d.pick(puppet.host, "nothing"), 0U);
    EXPECT_EQ(d.pick(puppet.host, nullptr), 0U);
    EXPECT_EQ(d.find(puppet.host, "game#1@test"), static_cast<cm_service>(a));
    EXPECT_EQ(d.find(puppet.host, "no id"), 0U);
    std::string seen;
    const auto visit = [](void* ctx, const cm_service_info* i) {
      *static_cast<std::string*>(ctx) += std::string(i->id) + "=" + std::to_string(i->load) + " ";
    };
    d.list(puppet.host, "game", visit, &seen);
    EXPECT_EQ(seen, "game#1@test=5 game#2@test=2 game#3@test=0 ");
    EXPECT_EQ(d.get(puppet.host, 12345, visit, &seen), CM_UNAVAILABLE);
  });
}

TEST_F(TimerTest, OwnLoadIsKnownAtOnceAndNotForgotten) {
  rig.run(service, [&] { puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY).set_load(puppet.host, 42); });
  const auto snapshot = rig.registry.snapshot();
  const auto* entry = snapshot->find(service->ref());
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->load->users, 42U);
  EXPECT_EQ(entry->load->valid_until_ms, std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace cm::plugin::test
