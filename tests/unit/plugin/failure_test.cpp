// What a hook's failure does: counted, logged, told to who waits, and the host goes on.
#include "client.pb.h"
#include "harness.hpp"
#include "routing/message_id.hpp"

namespace cm::plugin::test {
namespace {

using routing::Kind;

class FailureTest : public testing::Test {
 protected:
  proto::NoticeACK last_notice() {
    proto::NoticeACK notice;
    const auto got = agent->got(Kind::to_client);
    EXPECT_FALSE(got.empty());
    if (got.empty()) return notice;
    EXPECT_EQ(got.back().msg_id, routing::message_id("protoNoticeACK"));
    EXPECT_TRUE(notice.ParseFromString(got.back().body));
    return notice;
  }
  void from_client(Kind kind = Kind::client_message) {
    Rig::deliver(service, {.kind = kind, .msg_id = 300, .from = agent_ref, .client = {agent_ref, 9}});
    rig.run(service, [] {});
  }

  Puppet puppet{"clumsy"};
  Rig rig;
  std::shared_ptr<FakeService> agent = std::make_shared<FakeService>();
  routing::ServiceRef agent_ref = rig.put_remote("agent#0@test", agent);
  std::shared_ptr<Service> service = rig.start(puppet);
};

TEST_F(FailureTest, ClientIsToldWhatBecameOfItsMessage) {
  const std::vector<std::pair<cm_status, proto::NoticeACK::Code>> cases{
      {CM_BAD_MESSAGE, proto::NoticeACK::MessageMalformed},
      {CM_UNHANDLED, proto::NoticeACK::MessageRefused},
      {CM_REFUSED, proto::NoticeACK::MessageRefused},
      {CM_FAULT, proto::NoticeACK::MessageFailed},
      {CM_UNAVAILABLE, proto::NoticeACK::MessageFailed}};
  for (const auto& [status, code] : cases) {
    puppet.on_message = [status = status](const cm_message&) { return status; };
    from_client();
    const auto notice = last_notice();
    EXPECT_EQ(notice.code(), code);
    EXPECT_EQ(notice.msg_id(), 300U);
    EXPECT_EQ(notice.service(), "clumsy#0@test");
    EXPECT_FALSE(notice.text().empty());
  }
  EXPECT_EQ(service->counters().faults, 1U);
  EXPECT_EQ(service->counters().bad_messages, 1U);
  EXPECT_EQ(service->counters().refused, 2U);
  EXPECT_EQ(agent->got(Kind::to_client).size(), cases.size());
}

TEST_F(FailureTest, CallerGetsTheStatus) {
  puppet.on_message = [](const cm_message&) { return CM_UNHANDLED; };
  Rig::deliver(service, {.kind = Kind::call, .msg_id = 300, .from = agent_ref, .call = 5});
  rig.run(service, [] {});
  const auto replies = agent->got(Kind::reply);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].status, CM_UNHANDLED);
  EXPECT_EQ(replies[0].call, 5U);
}

TEST_F(FailureTest, InterceptedMessageThatFailsDoesNotHoldItsClientForEver) {
  puppet.on_message = [](const cm_message&) { return CM_BAD_MESSAGE; };
  from_client(Kind::intercepted);
  EXPECT_EQ(agent->got(Kind::to_client).size(), 1U);
  EXPECT_EQ(agent->got(Kind::release).size(), 1U);
}

TEST_F(FailureTest, InterceptedMessageThatWasHandledIsReleasedByThePluginOnly) {
  from_client(Kind::intercepted);
  EXPECT_TRUE(agent->got().empty());
}

TEST_F(FailureTest, EscapedExceptionIsAFaultAndTheServiceGoesOn) {
  puppet.on_message = [](const cm_message& m) -> cm_status {
    if (m.id == 300) throw std::runtime_error("boom");
    throw 42;  // NOLINT: of no known type
  };
  from_client();
  EXPECT_NE(service->last_fault().find("boom"), std::string::npos);
  EXPECT_NE(service->last_fault().find("agent#0@test/9"), std::string::npos);
  Rig::deliver(service, {.kind = Kind::message, .msg_id = 301, .from = agent_ref});
  rig.run(service, [] {});
  EXPECT_EQ(service->counters().faults, 2U);
  puppet.on_message = [](const cm_message&) { return CM_OK; };
  from_client();
  EXPECT_EQ(service->counters().faults, 2U);
  EXPECT_EQ(service->counters().handled, 6U);  // three of them carried the test's own functions
}

TEST_F(FailureTest, ExceptionsOfEveryHookEndAtTheFence) {
  puppet.on_told = [](const std::string& what) {
    if (what != "create" && what != "start") throw std::runtime_error("in every hook");
  };
  const routing::ClientId client{agent_ref, 9};
  Rig::deliver(service, {.kind = Kind::client_message, .msg_id = 300, .client = client});
  Rig::deliver(service, {.kind = Kind::client_closed, .status = 1, .client = client});
  Rig::deliver(service, {.kind = Kind::client_opened, .client = client});
  Rig::deliver(service, {.kind = Kind::rebound, .client = client});
  service->mailbox()->settings_changed("s");
  rig.put_remote("other#0@test", agent);
  rig.run(service, [&] {
    EXPECT_EQ(puppet.ext<cm_host_timer>(CM_EXT_TIMER).start(puppet.host, 0, 0, "t", nullptr, 0, nullptr), CM_OK);
  });
  EXPECT_TRUE(service->stop());  // stop and destroy throw, too
  EXPECT_GE(service->counters().faults, 8U);
}

TEST_F(FailureTest, FaultReportedByAHookWithoutAStatusIsCounted) {
  puppet.on_told = [&](const std::string& what) {
    if (what.starts_with("closed")) puppet.host->report_fault(puppet.host, "no map for it\nat all");
  };
  Rig::deliver(service, {.kind = Kind::client_closed, .status = 1, .client = {agent_ref, 9}});
  rig.run(service, [] {});
  EXPECT_EQ(service->counters().faults, 1U);
  EXPECT_NE(service->last_fault().find("no map for it at all"), std::string::npos);
}

TEST_F(FailureTest, AnExceptionOfAVisitorComesBackAsAStatus) {
  const auto status = rig.run(service, [&] {
    return puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY)
        .get(
            puppet.host, static_cast<cm_service>(agent_ref),
            [](void*, const cm_service_info*) { throw std::runtime_error("visitor"); }, nullptr);
  });
  EXPECT_EQ(status, CM_FAULT);
}

TEST_F(FailureTest, UnknownKindsOfEnvelopesAreCountedAndDropped) {
  Rig::deliver(service, {.kind = Kind::bind, .client = {agent_ref, 9}});
  Rig::deliver(service, {.kind = static_cast<Kind>(250)});
  rig.run(service, [] {});
  EXPECT_EQ(service->counters().strays, 2U);
}

}  // namespace
}  // namespace cm::plugin::test
