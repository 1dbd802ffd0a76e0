// Calls and replies through the message extension.
#include "harness.hpp"

namespace cm::plugin::test {
namespace {

using routing::Kind;

class CallTest : public testing::Test {
 protected:
  cm_status call(routing::ServiceRef to, std::string_view body, std::uint32_t timeout_ms, const char* handler = "done",
                 std::string_view cookie = "c") {
    return rig.run(service, [&] {
      return message().call(caller.host, static_cast<cm_service>(to), 100, bytes(body), body.size(), nullptr,
                            timeout_ms, handler, bytes(cookie), cookie.size());
    });
  }
  [[nodiscard]] const cm_host_message& message() const { return caller.ext<cm_host_message>(CM_EXT_MESSAGE); }
  // An answer from the remote service to its n-th call.
  void answer(std::size_t n, std::int32_t status, std::string_view body) {
    const auto asked = remote->got(Kind::call).at(n);
    Rig::deliver(service,
                 {.kind = Kind::reply, .msg_id = 101, .status = status, .from = remote_ref, .call = asked.call}, body);
  }

  Puppet caller{"caller"};
  Rig rig;
  std::shared_ptr<FakeService> remote = std::make_shared<FakeService>();
  routing::ServiceRef remote_ref = rig.put_remote("data#0@test", remote);
  std::shared_ptr<Service> service = rig.start(caller);
};

TEST_F(CallTest, ReplyComesToTheNamedHandlerWithItsCookie) {
  EXPECT_EQ(call(remote_ref, "load", 0, "on_load", "cookie"), CM_OK);
  EXPECT_EQ(remote->got().at(0).body, "load");
  answer(0, CM_OK, "player");
  EXPECT_TRUE(caller.told("reply on_load:cookie 0 101 player"));
}

TEST_F(CallTest, StatusInsteadOfAReplyHasNoMessage) {
  EXPECT_EQ(call(remote_ref, "", 0), CM_OK);
  answer(0, CM_REFUSED, "what does not count");
  EXPECT_TRUE(caller.told("reply done:c 11 0 "));
}

TEST_F(CallTest, UnansweredCallTimesOutOnceAndALateReplyIsDropped) {
  EXPECT_EQ(call(remote_ref, "", 1), CM_OK);
  EXPECT_TRUE(caller.told("reply done:c 3 0 "));
  answer(0, CM_OK, "late");
  EXPECT_EQ(call(remote_ref, "", 60'000, "other"), CM_OK);
  answer(1, CM_OK, "in time");
  EXPECT_TRUE(caller.told("reply other:c 0 101 in time"));
  EXPECT_EQ(service->counters().strays, 1U);
  EXPECT_EQ(std::ranges::count_if(caller.all(), [](const auto& s) { return s.starts_with("reply done"); }), 1);
}

TEST_F(CallTest, ReplyOfAnotherServiceThanTheCalledOneIsDropped) {
  EXPECT_EQ(call(remote_ref, "", 60'000), CM_OK);
  const auto liar = rig.names.service("liar#0@test");
  const auto number = remote->got().at(0).call;
  Rig::deliver(service, {.kind = Kind::reply, .msg_id = 101, .from = liar, .call = number}, "lie");
  answer(0, CM_OK, "truth");
  EXPECT_TRUE(caller.told("reply done:c 0 101 truth"));
  EXPECT_EQ(service->counters().strays, 1U);
}

TEST_F(CallTest, CallsOfAServiceThatGoesDownFailAtOnce) {
  EXPECT_EQ(call(remote_ref, "", 600'000, "first"), CM_OK);
  EXPECT_EQ(call(remote_ref, "", 600'000, "second"), CM_OK);
  rig.registry.remove(remote_ref);
  EXPECT_TRUE(caller.told("reply first:c 2 0 "));
  EXPECT_TRUE(caller.told("reply second:c 2 0 "));
  EXPECT_TRUE(caller.told("down data#0@test"));
}

TEST_F(CallTest, AnswerThatCameBeforeTheEndOfItsServiceIsStillGiven) {
  std::promise<void> busy;
  std::promise<void> go;
  std::function<void()> wait = [&] {
    busy.set_value();
    go.get_future().wait();
  };
  EXPECT_EQ(call(remote_ref, "", 600'000), CM_OK);
  const auto* pointer = &wait;
  Rig::deliver(service, {.kind = Kind::message, .msg_id = kRunId},
               {reinterpret_cast<const char*>(&pointer), sizeof pointer});
  busy.get_future().wait();
  answer(0, CM_OK, "last words");
  rig.registry.remove(remote_ref);
  go.set_value();
  EXPECT_TRUE(caller.told("reply done:c 0 101 last words"));
}

TEST_F(CallTest, FailureToSendIsReturnedAndNeverComesAsAReply) {
  remote->answer(routing::Delivery::full);
  EXPECT_EQ(call(remote_ref, "", 1), CM_BACKPRESSURE);
  EXPECT_EQ(call(rig.names.service("nobody#0@test"), "", 1), CM_UNAVAILABLE);
  EXPECT_EQ(call(routing::ServiceRef::none, "", 1), CM_INVALID);
  remote->answer(routing::Delivery::sent);
  EXPECT_EQ(call(remote_ref, "", 60'000), CM_OK);
  answer(0, CM_OK, "x");
  EXPECT_TRUE(caller.told("reply done:c 0 101 x"));
  EXPECT_EQ(std::ranges::count_if(caller.all(), [](const auto& s) { return s.starts_with("reply"); }), 1);
}

TEST_F(CallTest, BadArgumentsAreRefusedNotObeyed) {
  const auto to = static_cast<cm_service>(remote_ref);
  rig.run(service, [&] {
    const auto& m = message();
    const auto* h = caller.host;
    const std::string big(CM_MAX_SERVICE_BODY + 1, 'x');
    EXPECT_EQ(m.send(h, to, 0, nullptr, 0), CM_INVALID);
    EXPECT_EQ(m.send(h, to, 1, nullptr, 5), CM_INVALID);
    EXPECT_EQ(m.send(h, to, 1, bytes(big), big.size()), CM_TOO_LARGE);
    EXPECT_EQ(m.send(nullptr, to, 1, nullptr, 0), CM_INVALID);
    EXPECT_EQ(m.call(h, to, 1, nullptr, 0, nullptr, 0, nullptr, nullptr, 0), CM_INVALID);
    EXPECT_EQ(m.call(h, to, 1, nullptr, 0, nullptr, 0, "", nullptr, 0), CM_INVALID);
    EXPECT_EQ(m.call(h, to, 1, nullptr, 0, nullptr, 0, "h", nullptr, 1), CM_INVALID);
    EXPECT_EQ(m.call(h, to, 1, nullptr, 0, nullptr, 0, "h", bytes(big), CM_MAX_COOKIE + 1), CM_INVALID);
    EXPECT_EQ(m.reply(h, nullptr, 1, nullptr, 0), CM_INVALID);
    const cm_request nobody{};
    EXPECT_EQ(m.reply(h, &nobody, 1, nullptr, 0), CM_NOT_FOUND);
    EXPECT_EQ(m.reply_status(h, &nobody, CM_REFUSED), CM_NOT_FOUND);
    EXPECT_EQ(m.reply_status(h, &nobody, CM_OK), CM_INVALID);
    EXPECT_EQ(h->get_extension(h, "cellmesh.unknown/9"), nullptr);
    EXPECT_EQ(h->get_extension(h, nullptr), nullptr);
  });
  EXPECT_TRUE(remote->got().empty());
}

TEST_F(CallTest, OtherThreadsAreTurnedAway) {
  const cm_host* host = nullptr;
  const cm_host_message* m = nullptr;
  rig.run(service, [&] {
    host = caller.host;
    m = &message();
  });
  EXPECT_EQ(m->send(host, static_cast<cm_service>(remote_ref), 5, nullptr, 0), CM_WRONG_THREAD);
  EXPECT_EQ(host->get_extension(host, CM_EXT_MESSAGE), nullptr);
  host->report_fault(host, "from elsewhere");
  EXPECT_EQ(service->counters().faults, 0U);
}

TEST_F(CallTest, RequestsAreAnsweredWhereTheyCameFrom) {
  const auto agent = std::make_shared<FakeService>();
  const auto agent_ref = rig.put_remote("agent#0@test", agent);
  caller.on_message = [&](const cm_message& m) {
    return message().reply(caller.host, &m.request, 200, bytes("pong"), 4);
  };
  Rig::deliver(service, {.kind = Kind::call, .msg_id = 100, .from = remote_ref, .client = {agent_ref, 9}, .call = 77});
  Rig::deliver(service, {.kind = Kind::message, .msg_id = 100, .from = remote_ref});
  Rig::deliver(service, {.kind = Kind::client_message, .msg_id = 100, .from = agent_ref, .client = {agent_ref, 9}});
  rig.run(service, [] {});
  ASSERT_EQ(remote->got().size(), 2U);
  EXPECT_EQ(remote->got()[0].kind, Kind::reply);
  EXPECT_EQ(remote->got()[0].call, 77U);
  EXPECT_EQ(remote->got()[1].kind, Kind::message);
  ASSERT_EQ(agent->got().size(), 1U);
  EXPECT_EQ(agent->got()[0].kind, Kind::to_client);
  EXPECT_EQ(agent->got()[0].client.session, 9U);
  EXPECT_EQ(agent->got()[0].body, "pong");
}

TEST_F(CallTest, CallsBetweenServicesOfOneHostKeepOrder) {
  Puppet callee("callee");
  Rig& r = rig;
  callee.on_message = [&](const cm_message& m) {
    return callee.ext<cm_host_message>(CM_EXT_MESSAGE).reply(callee.host, &m.request, m.id, m.body, m.body_size);
  };
  {
    const auto other = r.start(callee);
    static constexpr int kCalls = 500;
    r.run(service, [&] {
      for (int i = 0; i < kCalls; ++i) {
        const std::string n = std::to_string(i);
        EXPECT_EQ(message().call(caller.host, static_cast<cm_service>(other->ref()), 7, bytes(n), n.size(), nullptr,
                                 60'000, "n", bytes(n), n.size()),
                  CM_OK);
      }
    });
    EXPECT_TRUE(caller.told("reply n:499 0 7 499"));
    int next = 0;
    for (const auto& s : caller.all()) {
      if (!s.starts_with("reply n:")) continue;
      EXPECT_EQ(s, "reply n:" + std::to_string(next) + " 0 7 " + std::to_string(next));
      ++next;
    }
    EXPECT_EQ(next, kCalls);
    EXPECT_TRUE(other->stop());
  }
}

TEST_F(CallTest, ReplyMadeWhileStartRunsFindsTheService) {
  Puppet starter("starter");
  starter.on_start = [&] {
    return starter.ext<cm_host_message>(CM_EXT_MESSAGE)
        .call(starter.host, static_cast<cm_service>(service->ref()), 50, nullptr, 0, nullptr, 60'000, "hello", nullptr,
              0);
  };
  caller.on_message = [&](const cm_message& m) { return message().reply(caller.host, &m.request, 51, bytes("hi"), 2); };
  const auto other = rig.start(starter);
  EXPECT_TRUE(starter.told("reply hello: 0 51 hi"));
  EXPECT_TRUE(other->stop());
}

}  // namespace
}  // namespace cm::plugin::test
