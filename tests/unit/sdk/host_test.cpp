#include <gmock/gmock.h>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::function<void(class Worker&)> act;

class Worker : public cellmesh::Service<Worker> {
 public:
  void on(const probe::TickREQ& /*tick*/) { act(*this); }
  cellmesh::Counter asked_ = counter("asked");  // before any hook: a host is there from the constructor on
};

class HostOf : public testing::Test, public Fixture<Worker> {
 protected:
  std::vector<Asked> when(std::function<void(Worker&)> what) {
    act = std::move(what);
    EXPECT_EQ(running.from_service(5, id_of<probe::TickREQ>, probe::TickREQ()), CM_OK);
    return host.take();
  }
};

TEST_F(HostOf, ServiceKnowsWhoItIs) {
  when([&](Worker& service) {
    EXPECT_EQ(service.id(), "probe#0@test");
    EXPECT_EQ(service.group(), "test");
    EXPECT_EQ(service.index(), 0U);
    EXPECT_EQ(service.self().handle(), host.self());
    EXPECT_EQ(service.now().count(), 0);
  });
}

TEST_F(HostOf, CountersAndGaugesReachTheHost) {
  when([](Worker& service) {
    service.asked_.add();
    service.counter("sent").add(3);
    service.gauge("depth").set(9);
    service.gauge("depth").add(-2);
  });
  EXPECT_EQ(host.metrics["asked"], 1);
  EXPECT_EQ(host.metrics["sent"], 3);
  EXPECT_EQ(host.metrics["depth"], 7);
}

TEST_F(HostOf, LogLinesOfALevelThatIsOffAreNotMade) {
  host.log_level = CM_LOG_WARN;
  when([](Worker& service) {
    service.log().info("{} is quiet", 1);
    service.log().warn("{} is {}", 2, cellmesh::Status::refused);
    service.log().error("three");
    EXPECT_FALSE(service.log().enabled(CM_LOG_DEBUG));
  });
  EXPECT_THAT(host.lines, ElementsAre("2 is refused", "three"));
}

TEST_F(HostOf, DirectoryTellsWhatIsUp) {
  const cm_service light = host.up("game#0@test", "", 1);
  const cm_service busy = host.up("game#1@test", "10.0.0.1:99", 5);
  host.up("hub#0@test");
  when([&](Worker& service) {
    const auto directory = service.directory();
    EXPECT_EQ(directory.pick("game").handle(), light);
    EXPECT_FALSE(directory.pick("nobody"));
    EXPECT_EQ(directory.find("game#1@test").handle(), busy);
    EXPECT_FALSE(directory.find("nonsense"));
    EXPECT_EQ(directory.name(cellmesh::ServiceId(busy)), "game#1@test");
    EXPECT_EQ(directory.name(cellmesh::ServiceId(999)), "");
    EXPECT_EQ(directory.list("game").size(), 2U);
    const auto info = directory.get(cellmesh::ServiceId(busy));
    ASSERT_TRUE(info);
    EXPECT_EQ(info->id, "game#1@test");
    EXPECT_EQ(info->kind, "game");
    EXPECT_EQ(info->load, 5U);
    EXPECT_EQ(info->public_address, "10.0.0.1:99");
    EXPECT_FALSE(directory.get(directory.find("game#7@test")));
    EXPECT_FALSE(directory.get(directory.pick("hub"))->load);
  });
}

TEST_F(HostOf, NameLongerThanAnyUsualIsWhole) {
  const std::string id = std::string(200, 'k') + "#0@test";
  const cm_service ref = host.up(id);
  when([&](Worker& service) { EXPECT_EQ(service.directory().name(cellmesh::ServiceId(ref)), id); });
}

TEST_F(HostOf, LoadsAreReported) {
  const auto asked = when([](Worker& service) {
    service.directory().set_load(7);
    service.directory().set_load_of(cellmesh::ServiceId(3), 8, std::chrono::seconds(6));
  });
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[0].number, 7);
  EXPECT_EQ(asked[1].to, 3U);
  EXPECT_EQ(asked[1].period, 6000);
}

TEST_F(HostOf, MessageOverEveryLimitIsNotSent) {
  const auto asked = when([](Worker& service) {
    probe::NewsACK news;
    news.set_text(std::string(CM_MAX_SERVICE_BODY, 'x'));
    EXPECT_EQ(service.send(cellmesh::ServiceId(3), news), cellmesh::Status::too_large);
    news.set_text(std::string(1U << 20U, 'x'));
    EXPECT_EQ(service.send(cellmesh::ServiceId(3), news), cellmesh::Status::ok);
  });
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(parsed<probe::NewsACK>(asked[0].body).text().size(), 1U << 20U);
}

TEST(OldHost, WhatItDoesNotHaveIsUnavailable) {
  FakeHost host;
  host.missing = {CM_EXT_LOG,     CM_EXT_MESSAGE, CM_EXT_CLIENTS, CM_EXT_TIMER,  CM_EXT_DIRECTORY,
                  CM_EXT_CHANNEL, CM_EXT_METRICS, CM_EXT_OFFLOAD, CM_EXT_GATEWAY};
  Running running(kind_of<Worker>(), host);
  ASSERT_TRUE(running.created());
  act = [](Worker& service) {
    const cellmesh::ServiceId data(3);
    EXPECT_EQ(service.send(data, probe::TickREQ()), cellmesh::Status::unavailable);
    EXPECT_EQ(service.reply(probe::TickREQ()), cellmesh::Status::unavailable);
    EXPECT_EQ(service.clients().broadcast(probe::TickREQ()), cellmesh::Status::unavailable);
    EXPECT_EQ(service.publish("news", probe::TickREQ()), cellmesh::Status::unavailable);
    EXPECT_EQ(service.gateway().open({}), cellmesh::Status::unavailable);
    EXPECT_EQ(service.gateway().client_count(), 0U);
    EXPECT_FALSE(service.directory().pick("game"));
    EXPECT_FALSE(service.directory().get(data));
    EXPECT_EQ(service.directory().name(data), "");
    EXPECT_THAT(service.directory().list("game"), IsEmpty());
    service.directory().set_load(1);
    service.counter("sent").add();
    service.log().error("nobody reads this");
  };
  EXPECT_EQ(running.from_service(5, id_of<probe::TickREQ>, probe::TickREQ()), CM_OK);
  EXPECT_THAT(host.faults, IsEmpty());
}

TEST(OldHost, HooksThatAServiceDoesNotHaveAreNotOffered) {
  FakeHost host;
  Running running(kind_of<Worker>(), host);
  EXPECT_EQ(running.extension<void>(CM_EXT_CLIENTS), nullptr);
  EXPECT_EQ(running.extension<void>(CM_EXT_GATEWAY), nullptr);
  EXPECT_EQ(running.extension<void>(CM_EXT_DIRECTORY), nullptr);
  EXPECT_EQ(running.extension<void>("cellmesh.unknown/9"), nullptr);
  EXPECT_NE(running.extension<void>(CM_EXT_MESSAGE), nullptr);
}

}  // namespace
}  // namespace cm::test
