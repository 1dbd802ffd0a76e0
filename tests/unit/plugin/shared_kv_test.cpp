#include "plugin/shared_kv.hpp"

#include <gmock/gmock.h>

#include "plugin/mailbox.hpp"
#include "unit/gateway/fake_discovery.hpp"

namespace cm::plugin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Entry = std::pair<const std::string, std::optional<std::string>>;

constexpr routing::ServiceRef kLogin{1};
constexpr routing::ServiceRef kAgent{2};

class Shared : public testing::Test {
 protected:
  void publish(const std::string& name, const std::string& value) {
    EXPECT_EQ(kv.publish(kLogin, name, value), CM_OK);
    discovery.run();
  }
  void watch(const std::string& prefix) {
    EXPECT_EQ(kv.watch(kAgent, mailbox, prefix), CM_OK);
    discovery.run();
  }
  // What the agent was told since.
  std::map<std::string, std::optional<std::string>> told() {
    discovery.run();
    const auto aside = mailbox->take_aside();
    return aside ? aside->entries : std::map<std::string, std::optional<std::string>>();
  }
  void by_hand(const std::string& name, const std::string& value) {
    discovery.put("cellmesh/shared/" + name, value, [](const auto&) {});
    discovery.run();
  }
  std::string stored(const std::string& name) {
    const auto it = discovery.kv.find("cellmesh/shared/" + name);
    return it != discovery.kv.end() ? it->second.value : "none";
  }
  void lose_all() {
    discovery.kv.clear();
    discovery.changed(true);
    discovery.run();
  }

  gateway::FakeDiscovery discovery;
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>(routing::EnvelopeQueue::Limits{});
  SharedKv kv{discovery};
};

TEST_F(Shared, WatcherIsToldWhatIsThereAndThenEachChange) {
  publish("keys/a", "1");
  publish("other/a", "9");
  watch("keys/");
  EXPECT_THAT(told(), ElementsAre(Entry("keys/a", "1")));
  publish("keys/a", "2");
  publish("keys/b", "3");
  EXPECT_THAT(told(), ElementsAre(Entry("keys/a", "2"), Entry("keys/b", "3")));
  kv.remove(kLogin, "keys/a");
  EXPECT_THAT(told(), ElementsAre(Entry("keys/a", std::nullopt)));
  publish("other/b", "9");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(Shared, EntryOfAnOperatorIsToldToo) {
  watch("");
  by_hand("keys/a", "1");
  EXPECT_THAT(told(), ElementsAre(Entry("keys/a", "1")));
}

TEST_F(Shared, WatchThatEndedTellsNothing) {
  watch("keys/");
  EXPECT_EQ(kv.unwatch(kAgent, "keys/"), CM_OK);
  EXPECT_EQ(kv.unwatch(kAgent, "keys/"), CM_NOT_FOUND);
  publish("keys/a", "1");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(Shared, PublishedEntryIsKeptWhoeverTakesItOut) {
  publish("keys/a", "1");
  watch("keys/");
  EXPECT_EQ(told().size(), 1U);
  discovery.remove("cellmesh/shared/keys/a", [](const auto&) {});
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(stored("keys/a"), "1");
}

TEST_F(Shared, EntryStaysWhenItsServiceEndsAndIsKeptNoLonger) {
  publish("keys/a", "1");
  kv.forget(kLogin);
  EXPECT_EQ(stored("keys/a"), "1");
  discovery.remove("cellmesh/shared/keys/a", [](const auto&) {});
  discovery.run();
  EXPECT_EQ(stored("keys/a"), "none");
}

TEST_F(Shared, WhatTheKvLostIsWrittenBackAndNotToldAsGone) {
  publish("keys/a", "1");
  by_hand("keys/of_operator", "2");
  watch("");
  EXPECT_EQ(told().size(), 2U);
  lose_all();
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(stored("keys/a"), "1");
  EXPECT_EQ(stored("keys/of_operator"), "2");
}

TEST_F(Shared, WriteThatFailedIsTriedAgainWhenTheKvIsBack) {
  watch("");
  discovery.reachable = false;
  publish("keys/a", "1");
  publish("keys/a", "2");
  EXPECT_EQ(stored("keys/a"), "none");
  discovery.reachable = true;
  discovery.changed(false);
  EXPECT_THAT(told(), ElementsAre(Entry("keys/a", "2")));
}

TEST_F(Shared, WatchedEntriesCanBeAskedForAgain) {
  publish("keys/a", "1");
  publish("other/a", "2");
  watch("keys/");
  EXPECT_THAT(kv.watched_by(kAgent), ElementsAre(Pair("keys/a", "1")));
  EXPECT_THAT(kv.watched_by(kLogin), IsEmpty());
}

TEST_F(Shared, TooLargeAndOddOnesAreLeftOut) {
  watch("");
  by_hand("large", std::string(16'385, 'x'));
  by_hand("folder/", "");
  by_hand("a b", "1");
  EXPECT_THAT(told(), IsEmpty());
  by_hand("largest", std::string(16'384, 'x'));
  EXPECT_EQ(told().size(), 1U);
}

TEST_F(Shared, AServiceHasOnlySoMany) {
  for (std::size_t i = 0; i < SharedKv::kMaxPublished; ++i) publish("n" + std::to_string(i), "");
  EXPECT_EQ(kv.publish(kLogin, "more", ""), CM_BACKPRESSURE);
  EXPECT_EQ(kv.publish(kLogin, "n0", "again"), CM_OK);
  kv.remove(kLogin, "n1");
  EXPECT_EQ(kv.publish(kLogin, "more", ""), CM_OK);
  for (std::size_t i = 0; i < SharedKv::kMaxWatches; ++i) watch("w" + std::to_string(i));
  EXPECT_EQ(kv.watch(kAgent, mailbox, "more"), CM_BACKPRESSURE);
  EXPECT_EQ(kv.watch(kAgent, mailbox, "w0"), CM_OK);
}

TEST(SharedNames, AreWordsPartedBySingleSlashes) {
  const std::string longest(200, 'x');
  for (const std::string_view name : {std::string_view("a"), std::string_view("token_keys/Ab-9_.@#"),
                                      std::string_view("a/b/c"), std::string_view("..a"), std::string_view(longest)}) {
    EXPECT_TRUE(SharedKv::good_name(name)) << name;
  }
  for (const std::string name : {"", "/", "/a", "a/", "a//b", ".", "a/../b", "a b", "\xc3\xa4", "a\n"}) {
    EXPECT_FALSE(SharedKv::good_name(name)) << name;
  }
  EXPECT_FALSE(SharedKv::good_name(std::string(201, 'x')));
  for (const std::string prefix : {"", "a", "a/", "a/b", "a/."}) EXPECT_TRUE(SharedKv::good_prefix(prefix)) << prefix;
  for (const std::string prefix : {"/", "a//", "../", " "}) EXPECT_FALSE(SharedKv::good_prefix(prefix)) << prefix;
}

}  // namespace
}  // namespace cm::plugin
