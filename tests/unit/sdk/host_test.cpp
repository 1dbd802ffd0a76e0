#include <gmock/gmock.h>

#include <functional>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using cellmesh::ServiceId;
using cellmesh::Status;
using testing::ElementsAre;
using testing::IsEmpty;

std::function<void(class Worker&)> work;

class Worker : public cellmesh::Service<Worker> {
 public:
  void on(const probe::TickREQ& /*tick*/) { work(*this); }
  cellmesh::Counter asked_ = counter("asked");  // before any hook: a host is there from the constructor on
};

class HostOf : public testing::Test, public Fixture<Worker> {
 protected:
  void when(std::function<void(Worker&)> what) {
    work = std::move(what);
    EXPECT_EQ(host.deliver(probe::TickREQ(), data), Status::ok);
  }
};

TEST_F(HostOf, ServiceKnowsWhoItIs) {
  when([&](Worker& service) {
    EXPECT_EQ(service.id(), "worker#0@test");
    EXPECT_EQ(service.group(), "test");
    EXPECT_EQ(service.index(), 0U);
    EXPECT_EQ(service.self(), host.self());
    EXPECT_EQ(static_cast<std::uint64_t>(service.now().count()), memory.now_ms());
  });
}

TEST_F(HostOf, CountersAndGaugesReachTheHost) {
  when([](Worker& service) {
    service.asked_.add();
    service.counter("sent").add(3);
    service.gauge("depth").set(9);
    service.gauge("depth").add(-2);
  });
  EXPECT_EQ(host.metric("asked"), 1);
  EXPECT_EQ(host.metric("sent"), 3);
  EXPECT_EQ(host.metric("depth"), 7);
}

TEST_F(HostOf, AuditRecordsAreApartFromTheLogAndOnOneLine) {
  memory.log_level(CM_LOG_ERROR);
  when([](Worker& service) {
    EXPECT_EQ(
        service.audit({{"uid", "ann 1\naudit uid=eve"}, {"amount", -100}, {"good", true}, {"note", std::string()}}),
        Status::ok);
  });
  EXPECT_THAT(memory.audits(), ElementsAre("uid=ann%201%0aaudit%20uid%3deve amount=-100 good=true note="));
  EXPECT_TRUE(host.audited("amount=-100"));
  EXPECT_THAT(lines(memory), IsEmpty());
}

TEST_F(HostOf, AuditRecordsThatAreRefusedAreLogged) {
  when([](Worker& service) {
    EXPECT_EQ(service.audit({{"uid", std::string(CM_MAX_AUDIT_VALUE + 1, 'x')}}), Status::too_large);
    EXPECT_EQ(service.audit({{"Bad Name", 1}}), Status::invalid);
    EXPECT_EQ(service.audit({{"service", "game#0@dev"}}), Status::invalid);
  });
  EXPECT_THAT(memory.audits(), IsEmpty());
  EXPECT_TRUE(host.logged("audit uid=xxx"));
  EXPECT_TRUE(host.logged("audit Bad Name=1"));
}

TEST_F(HostOf, LogLinesOfALevelThatIsOffAreNotMade) {
  memory.log_level(CM_LOG_WARN);
  when([](Worker& service) {
    service.log().info("{} is quiet", 1);
    service.log().warn("{} is {}", 2, Status::refused);
    service.log().error("three");
    EXPECT_FALSE(service.log().enabled(CM_LOG_DEBUG));
  });
  EXPECT_THAT(lines(memory), ElementsAre("2 is refused", "three"));
}

TEST_F(HostOf, DirectoryTellsWhatIsUp) {
  const auto light = host.up("game#0@test", {.load = 1});
  const auto busy = host.up("game#1@test", {.load = 5, .address = "10.0.0.1:99"});
  host.up("hub#0@test");
  when([&](Worker& service) {
    const auto directory = service.directory();
    EXPECT_EQ(directory.pick("game"), light);
    EXPECT_FALSE(directory.pick("nobody"));
    EXPECT_EQ(directory.find("game#1@test"), busy);
    EXPECT_FALSE(directory.find("nonsense"));
    EXPECT_EQ(directory.name(busy), "game#1@test");
    EXPECT_EQ(directory.name(ServiceId(999)), "");
    EXPECT_EQ(directory.list("game").size(), 2U);
    const auto info = directory.get(busy);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->id, "game#1@test");
    EXPECT_EQ(info->kind, "game");
    EXPECT_EQ(info->group, "test");
    EXPECT_EQ(info->index, 1U);
    EXPECT_EQ(info->load, 5U);
    EXPECT_EQ(info->public_address, "10.0.0.1:99");
    EXPECT_FALSE(directory.get(directory.find("game#7@test")));
    EXPECT_FALSE(directory.get(directory.pick("hub"))->load);
  });
}

TEST_F(HostOf, NameLongerThanAnyUsualIsWhole) {
  const std::string id = std::string(64, 'k') + "#123456789@" + std::string(64, 'g');
  const auto service_id = host.up(id);
  when([&](Worker& service) { EXPECT_EQ(service.directory().name(service_id), id); });
}

TEST_F(HostOf, LoadsAreReported) {
  when([&](Worker& service) {
    service.directory().set_load(7);
    service.directory().set_load_of(data, 8, std::chrono::seconds(6));
    EXPECT_EQ(service.directory().get(data)->load, 8U);
  });
  EXPECT_EQ(host.load(), 7U);
  EXPECT_THAT(host.did(), ElementsAre("directory.set_load 7", "directory.set_load_of @data#0@test 8"));
  EXPECT_EQ(memory.acts()[1].time_ms, 6000U);
}

TEST_F(HostOf, MessageOverEveryLimitIsNotSent) {
  when([&](Worker& service) {
    probe::NewsACK news;
    news.set_text(std::string(CM_MAX_SERVICE_BODY, 'x'));
    EXPECT_EQ(service.send(data, news), Status::too_large);
    news.set_text(std::string(1U << 20U, 'x'));
    EXPECT_EQ(service.send(data, news), Status::ok);
  });
  EXPECT_EQ(host.one<probe::NewsACK>(data).text().size(), 1U << 20U);
  EXPECT_THAT(host.did(), IsEmpty());
}

TEST(OldHost, WhatItDoesNotHaveIsUnavailable) {
  MemoryHost host(kind_of<Worker>(),
                  {.missing = {CM_EXT_LOG, CM_EXT_MESSAGE, CM_EXT_CLIENTS, CM_EXT_TIMER, CM_EXT_DIRECTORY,
                               CM_EXT_CHANNEL, CM_EXT_METRICS, CM_EXT_OFFLOAD, CM_EXT_GATEWAY}});
  ASSERT_TRUE(host.create());
  work = [](Worker& service) {
    const ServiceId data(3);
    EXPECT_EQ(service.send(data, probe::TickREQ()), Status::unavailable);
    EXPECT_EQ(service.reply(probe::TickREQ()), Status::unavailable);
    EXPECT_EQ(service.clients().broadcast(probe::TickREQ()), Status::unavailable);
    EXPECT_EQ(service.publish("news", probe::TickREQ()), Status::unavailable);
    EXPECT_EQ(service.gateway().open({}), Status::unavailable);
    EXPECT_EQ(service.gateway().client_count(), 0U);
    EXPECT_FALSE(service.directory().pick("game"));
    EXPECT_FALSE(service.directory().get(data));
    EXPECT_EQ(service.directory().name(data), "");
    EXPECT_THAT(service.directory().list("game"), IsEmpty());
    service.directory().set_load(1);
    service.counter("sent").add();
    service.log().error("nobody reads this");
  };
  EXPECT_EQ(host.deliver({host.up("data#0@test"), 0, 0, {}}, message_id<probe::TickREQ>, ""), CM_OK);
  EXPECT_THAT(faults(host), IsEmpty());
}

TEST(OldHost, LogsWhatItCannotAudit) {
  MemoryHost host(kind_of<Worker>(), {.missing = {CM_EXT_AUDIT}});
  ASSERT_TRUE(host.create());
  work = [](Worker& service) { EXPECT_EQ(service.audit({{"uid", "ann 1"}, {"amount", 7}}), Status::unavailable); };
  EXPECT_EQ(host.deliver({host.up("data#0@test"), 0, 0, {}}, message_id<probe::TickREQ>, ""), CM_OK);
  EXPECT_THAT(lines(host), ElementsAre("audit uid=ann%201 amount=7"));
}

TEST(OldHost, HooksThatAServiceDoesNotHaveAreNotOffered) {
  MemoryHost host(kind_of<Worker>());
  ASSERT_TRUE(host.create());
  EXPECT_EQ(host.extension(CM_EXT_CLIENTS), nullptr);
  EXPECT_EQ(host.extension(CM_EXT_GATEWAY), nullptr);
  EXPECT_EQ(host.extension(CM_EXT_DIRECTORY), nullptr);
  EXPECT_EQ(host.extension("cellmesh.unknown/9"), nullptr);
  EXPECT_NE(host.extension(CM_EXT_MESSAGE), nullptr);
}

}  // namespace
}  // namespace cm::test
