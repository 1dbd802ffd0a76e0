#include <gmock/gmock.h>

#include <stdexcept>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

[[noreturn]] void fail(const char* where) { throw std::runtime_error(std::string("from ") + where); }

// Throws in every hook.
class Thrower : public cellmesh::Service<Thrower, probe::ProbeSettings> {
 public:
  static constexpr std::string_view kind = "probe";
  ~Thrower() noexcept(false) { fail("destroy"); }

  void start() { fail("start"); }
  void stop() { fail("stop"); }
  void on(const probe::AskREQ& /*req*/, cellmesh::Client /*from*/) { fail("on"); }
  void on(const probe::TickREQ& /*req*/) {
    static_cast<void>(call<&Thrower::on_loaded>(cellmesh::ServiceId(5), probe::LoadREQ()));
    after<&Thrower::on_tick>(std::chrono::seconds(1));
    subscribe<&Thrower::on_news>("news");
    static_cast<void>(offload<&Thrower::work, &Thrower::on_done>("input"));
  }
  void on(const probe::NewsACK& news) {
    if (news.number() == 0) throw 42;  // NOLINT: what a plugin's author might do
    throw "a bare text";               // NOLINT
  }
  void on_settings(const probe::ProbeSettings& /*settings*/) { fail("on_settings"); }
  void on_client_opened(cellmesh::Client /*client*/) { fail("on_client_opened"); }
  void on_client_closed(cellmesh::Client /*client*/, cellmesh::CloseReason /*reason*/) { fail("on_client_closed"); }
  void on_rebound(cellmesh::Client /*client*/, cellmesh::ServiceId /*from*/, cellmesh::ServiceId /*to*/) {
    fail("on_rebound");
  }
  void on_service(cellmesh::ServiceId /*service*/, bool /*up*/) { fail("on_service"); }
  void on_lost(std::string_view /*channel*/, std::uint64_t /*lost*/) { fail("on_lost"); }

 private:
  void on_loaded(const probe::LoadACK& /*ack*/, cellmesh::Status /*status*/) { fail("on_loaded"); }
  void on_tick() { fail("on_tick"); }
  void on_news(const probe::NewsACK& /*news*/, cellmesh::ChannelInfo /*info*/) { fail("on_news"); }
  static std::string work(const std::string& /*input*/) { fail("work"); }
  void on_done(const std::string& output, cellmesh::Status status) {
    fail(output.empty() && status == cellmesh::Status::fault ? "on_done" : "a job that should have failed");
  }
};

class Fence : public testing::Test {
 protected:
  Fence() { host.has_settings = true; }
  std::string fault() {
    EXPECT_EQ(host.faults.size(), 1U);
    std::string last = host.faults.empty() ? "" : host.faults.back();
    host.faults.clear();
    return last;
  }
  FakeHost host;
};

TEST_F(Fence, EveryHookThatThrowsIsAFaultAndNothingMore) {
  Running running(kind_of<Thrower>(), host);
  ASSERT_TRUE(running.created());
  EXPECT_EQ(running.start(), CM_FAULT);
  EXPECT_EQ(fault(), "from start");
  EXPECT_EQ(running.from_client(alice, id_of<probe::AskREQ>, probe::AskREQ()), CM_FAULT);
  EXPECT_EQ(fault(), "from on");
  EXPECT_EQ(running.change_settings(""), CM_FAULT);
  EXPECT_EQ(fault(), "from on_settings");
  running.client_opened(alice);
  EXPECT_EQ(fault(), "from on_client_opened");
  running.client_closed(alice, CM_CLOSE_IDLE);
  EXPECT_EQ(fault(), "from on_client_closed");
  running.rebound(alice, 1, 2);
  EXPECT_EQ(fault(), "from on_rebound");
  running.service(5, true);
  EXPECT_EQ(fault(), "from on_service");
  EXPECT_EQ(running.publish("news", "", "", 0, "", 3), CM_FAULT);
  EXPECT_EQ(fault(), "from on_lost");
  running.stop();
  EXPECT_EQ(fault(), "from stop");
  running.destroy();
  EXPECT_EQ(fault(), "from destroy");
}

TEST_F(Fence, EveryNamedHandlerThatThrowsIsAFault) {
  Running running(kind_of<Thrower>(), host);
  ASSERT_EQ(running.from_service(5, id_of<probe::TickREQ>, probe::TickREQ()), CM_OK);
  const auto asked = host.take();
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_EQ(running.answer(asked[0], id_of<probe::LoadACK>, ""), CM_FAULT);
  EXPECT_EQ(fault(), "from on_loaded");
  EXPECT_EQ(running.fire(asked[1]), CM_FAULT);
  EXPECT_EQ(fault(), "from on_tick");
  EXPECT_EQ(running.publish("news", asked[2].name, asked[2].cookie, id_of<probe::NewsACK>, ""), CM_FAULT);
  EXPECT_EQ(fault(), "from on_news");
  EXPECT_EQ(running.run(asked[3]), CM_FAULT);
  EXPECT_EQ(fault(), "from on_done");
  EXPECT_THAT(host.lines, testing::Contains(HasSubstr("from work")));
  host.faults.clear();
  running.destroy();
}

TEST_F(Fence, WhatIsNoStdExceptionIsAFaultToo) {
  Running running(kind_of<Thrower>(), host);
  probe::NewsACK news;
  EXPECT_EQ(running.from_service(5, id_of<probe::NewsACK>, news), CM_FAULT);
  EXPECT_THAT(fault(), HasSubstr("no std::exception"));
  news.set_number(1);
  EXPECT_EQ(running.from_service(5, id_of<probe::NewsACK>, news), CM_FAULT);
  EXPECT_EQ(fault(), "a bare text");
}

TEST_F(Fence, AfterAFaultNoRequestIsBeingHandled) {
  Running running(kind_of<Thrower>(), host);
  running.from_client(alice, id_of<probe::AskREQ>, probe::AskREQ());
  EXPECT_EQ(fault(), "from on");
  EXPECT_THAT(host.take(), IsEmpty());
}

class NeverMade : public cellmesh::Service<NeverMade> {
 public:
  NeverMade() { fail("create"); }
};

TEST_F(Fence, ConstructorThatThrowsMakesNoService) {
  Running running(kind_of<NeverMade>(), host);
  EXPECT_FALSE(running.created());
  EXPECT_EQ(fault(), "from create");
}

class SaysNo : public cellmesh::Service<SaysNo> {
 public:
  bool start() { return index() == 1; }
};
class SaysWhy : public cellmesh::Service<SaysWhy> {
 public:
  cellmesh::Status start() { return cellmesh::Status::unavailable; }
};

TEST_F(Fence, StartMayRefuseWithoutThrowing) {
  EXPECT_EQ(Running(kind_of<SaysNo>(), host).start(), CM_REFUSED);
  EXPECT_EQ(Running(kind_of<SaysWhy>(), host).start(), CM_UNAVAILABLE);
  EXPECT_THAT(host.faults, IsEmpty());
}

TEST_F(Fence, ServiceMadeWithoutAHostThrows) { EXPECT_THROW(SaysNo(), std::logic_error); }

}  // namespace
}  // namespace cm::test
