#include <gmock/gmock.h>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> seen;

class Probe : public cellmesh::Service<Probe, probe::ProbeSettings> {
 public:
  Probe() { seen.push_back("made with " + settings().greeting()); }
  void start() { seen.push_back("limit " + std::to_string(settings().limit())); }
  void on_settings(const probe::ProbeSettings& now) {
    EXPECT_EQ(now.greeting(), settings().greeting());
    seen.push_back("now " + now.greeting());
  }
};

std::string bytes(const std::string& greeting, int limit) {
  probe::ProbeSettings settings;
  settings.set_greeting(greeting);
  settings.set_limit(limit);
  return settings.SerializeAsString();
}

class Settings : public testing::Test {
 protected:
  Settings() {
    seen.clear();
    host.has_settings = true;
    host.settings = bytes("hello", 7);
  }
  FakeHost host;
};

TEST_F(Settings, AreThereFromTheConstructorOn) {
  Running running(kind_of<Probe>(), host);
  EXPECT_EQ(running.start(), CM_OK);
  EXPECT_THAT(seen, ElementsAre("made with hello", "limit 7"));
}

TEST_F(Settings, AChangeIsTold) {
  Running running(kind_of<Probe>(), host);
  EXPECT_EQ(running.change_settings(bytes("welcome", 9)), CM_OK);
  EXPECT_EQ(running.start(), CM_OK);
  EXPECT_THAT(seen, ElementsAre("made with hello", "now welcome", "limit 9"));
}

TEST_F(Settings, OnesThatDoNotParseLeaveTheOldOnes) {
  Running running(kind_of<Probe>(), host);
  EXPECT_EQ(running.change_settings("\x12\xff"), CM_BAD_MESSAGE);
  EXPECT_EQ(running.start(), CM_OK);
  EXPECT_THAT(seen, ElementsAre("made with hello", "limit 7"));
}

TEST_F(Settings, MissingOnesRefuseTheService) {
  host.has_settings = false;
  const Running running(kind_of<Probe>(), host);
  EXPECT_FALSE(running.created());
  EXPECT_THAT(host.faults, ElementsAre(HasSubstr("no settings")));
}

TEST_F(Settings, UnreadableOnesRefuseTheService) {
  host.settings = "\x12\xff";
  const Running running(kind_of<Probe>(), host);
  EXPECT_FALSE(running.created());
  EXPECT_THAT(host.faults, ElementsAre(HasSubstr("do not parse")));
}

class Plain : public cellmesh::Service<Plain> {};

TEST_F(Settings, ServiceWithoutThemIsNotTold) {
  Running running(kind_of<Plain>(), host);
  EXPECT_EQ(running.extension<cm_plugin_settings>(CM_EXT_SETTINGS), nullptr);
}

}  // namespace
}  // namespace cm::test
