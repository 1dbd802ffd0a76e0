#include <gmock/gmock.h>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> told;

class Probe : public cellmesh::Service<Probe, probe::ProbeSettings> {
 public:
  Probe() { told.push_back("made with " + settings().greeting()); }
  void start() { told.push_back("limit " + std::to_string(settings().limit())); }
  void on_settings(const probe::ProbeSettings& now) {
    EXPECT_EQ(now.greeting(), settings().greeting());
    told.push_back("now " + now.greeting());
  }
};

probe::ProbeSettings greeting(const std::string& text, int limit) {
  probe::ProbeSettings settings;
  settings.set_greeting(text);
  settings.set_limit(limit);
  return settings;
}

class Settings : public testing::Test {
 protected:
  Settings() { told.clear(); }
};

TEST_F(Settings, AreThereFromTheConstructorOn) {
  const Host host(id_of<Probe>(), kind_of<Probe>(), greeting("hello", 7));
  EXPECT_THAT(told, ElementsAre("made with hello", "limit 7"));
}

TEST_F(Settings, ListsHaveTheirDefaultsToo) {
  const auto settings = cellmesh::test::defaults<probe::ProbeSettings>();
  EXPECT_THAT(settings.prices(), ElementsAre(100, 200, 400));
  EXPECT_THAT(settings.rates(), ElementsAre(0.5, -1));
  EXPECT_EQ(settings.none_size(), 0);
}

TEST_F(Settings, AChangeIsTold) {
  Host host(id_of<Probe>(), kind_of<Probe>(), greeting("hello", 7));
  EXPECT_EQ(host.change_settings(greeting("welcome", 9)), cellmesh::Status::ok);
  EXPECT_THAT(told, ElementsAre("made with hello", "limit 7", "now welcome"));
}

TEST_F(Settings, OnesThatDoNotParseLeaveTheOldOnes) {
  MemoryHost host(kind_of<Probe>(), {.settings = greeting("hello", 7).SerializeAsString()});
  ASSERT_TRUE(host.create());
  EXPECT_EQ(host.change_settings("\x12\xff"), CM_BAD_MESSAGE);
  EXPECT_EQ(host.start(), CM_OK);
  EXPECT_THAT(told, ElementsAre("made with hello", "limit 7"));
}

TEST_F(Settings, MissingOnesRefuseTheService) {
  MemoryHost host(kind_of<Probe>());
  EXPECT_FALSE(host.create());
  EXPECT_THAT(faults(host), ElementsAre(HasSubstr("no settings")));
}

TEST_F(Settings, UnreadableOnesRefuseTheService) {
  MemoryHost host(kind_of<Probe>(), {.settings = "\x12\xff"});
  EXPECT_FALSE(host.create());
  EXPECT_THAT(faults(host), ElementsAre(HasSubstr("do not parse")));
}

TEST_F(Settings, DefaultsAreThoseOfTheProto) {
  const auto settings = cellmesh::test::defaults<probe::ProbeSettings>();
  EXPECT_EQ(settings.limit(), 7);
  EXPECT_EQ(settings.greeting(), "hello");
}

class Plain : public cellmesh::Service<Plain> {};

TEST_F(Settings, ServiceWithoutThemIsNotTold) {
  MemoryHost host(kind_of<Plain>());
  ASSERT_TRUE(host.create());
  EXPECT_EQ(host.extension(CM_EXT_SETTINGS), nullptr);
}

}  // namespace
}  // namespace cm::test
