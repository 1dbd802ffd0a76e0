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
    static_cast<void>(call<&Thrower::on_loaded>(request().from(), probe::LoadREQ()));
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
  std::string fault() {
    const auto faults = host.take_faults();
    EXPECT_EQ(faults.size(), 1U);
    return faults.empty() ? "" : faults.back().what;
  }
  template <typename M>
  cm_status from_service(const M& message) {
    return host.deliver({data, 0, 0, {}}, message_id<M>, message.SerializeAsString());
  }

  MemoryHost host{kind_of<Thrower>(), {.settings = ""}};
  cm_service data = host.up("data#0@test");
  cm_client alice{host.up("agent#0@test"), 0, 1};
  bool created = host.create();
};

TEST_F(Fence, EveryHookThatThrowsIsAFaultAndNothingMore) {
  ASSERT_TRUE(created);
  EXPECT_EQ(host.start(), CM_FAULT);
  EXPECT_EQ(fault(), "from start");
  EXPECT_EQ(host.deliver({0, 0, 0, alice}, message_id<probe::AskREQ>, ""), CM_FAULT);
  EXPECT_EQ(fault(), "from on");
  EXPECT_EQ(host.change_settings(""), CM_FAULT);
  EXPECT_EQ(fault(), "from on_settings");
  host.client_opened(alice);
  EXPECT_EQ(fault(), "from on_client_opened");
  host.client_closed(alice, CM_CLOSE_IDLE);
  EXPECT_EQ(fault(), "from on_client_closed");
  host.rebound(alice, 1, 2);
  EXPECT_EQ(fault(), "from on_rebound");
  host.up("data#1@test");
  EXPECT_EQ(fault(), "from on_service");
  EXPECT_EQ(host.publish("probe", 0, "", 3), CM_FAULT);
  EXPECT_EQ(fault(), "from on_lost");
  host.stop();
  EXPECT_EQ(fault(), "from stop");
  host.destroy();
  EXPECT_EQ(fault(), "from destroy");
}

TEST_F(Fence, EveryNamedHandlerThatThrowsIsAFault) {
  ASSERT_EQ(from_service(probe::TickREQ()), CM_OK);
  EXPECT_EQ(host.answer(host.calls().at(0).number, message_id<probe::LoadACK>, ""), CM_FAULT);
  EXPECT_EQ(fault(), "from on_loaded");
  host.advance(1000);
  EXPECT_EQ(fault(), "from on_tick");
  EXPECT_EQ(host.publish("news", message_id<probe::NewsACK>, ""), CM_FAULT);
  EXPECT_EQ(fault(), "from on_news");
  EXPECT_EQ(host.run_job(), CM_FAULT);
  EXPECT_EQ(fault(), "from on_done");
  EXPECT_THAT(lines(host), testing::Contains(HasSubstr("from work")));
}

TEST_F(Fence, WhatIsNoStdExceptionIsAFaultToo) {
  probe::NewsACK news;
  EXPECT_EQ(from_service(news), CM_FAULT);
  EXPECT_THAT(fault(), HasSubstr("no std::exception"));
  news.set_number(1);
  EXPECT_EQ(from_service(news), CM_FAULT);
  EXPECT_EQ(fault(), "a bare text");
}

TEST_F(Fence, AfterAFaultNoRequestIsBeingHandled) {
  host.deliver({0, 0, 0, alice}, message_id<probe::AskREQ>, "");
  EXPECT_EQ(fault(), "from on");
  EXPECT_THAT(host.acts(), IsEmpty());
}

class NeverMade : public cellmesh::Service<NeverMade> {
 public:
  NeverMade() { fail("create"); }
};

TEST(FenceOfStart, ConstructorThatThrowsMakesNoService) {
  MemoryHost host(kind_of<NeverMade>());
  EXPECT_FALSE(host.create());
  EXPECT_THAT(faults(host), ElementsAre("from create"));
}

class SaysNo : public cellmesh::Service<SaysNo> {
 public:
  bool start() { return index() == 1; }
};
class SaysWhy : public cellmesh::Service<SaysWhy> {
 public:
  cellmesh::Status start() { return cellmesh::Status::unavailable; }
};

TEST(FenceOfStart, MayRefuseWithoutThrowing) {
  EXPECT_EQ(Host(id_of<SaysNo>(), kind_of<SaysNo>(), not_started).start(), cellmesh::Status::refused);
  EXPECT_EQ(Host(id_of<SaysWhy>(), kind_of<SaysWhy>(), not_started).start(), cellmesh::Status::unavailable);
}

TEST(FenceOfStart, ServiceMadeWithoutAHostThrows) { EXPECT_THROW(SaysNo(), std::logic_error); }

}  // namespace
}  // namespace cm::test
