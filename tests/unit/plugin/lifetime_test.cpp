// A service's life: start, drain, stop, and those that hang; its mailbox when it is full.
#include "harness.hpp"

namespace cm::plugin::test {
namespace {

using routing::Delivery;
using routing::Kind;
using Event = routing::Registry::Event;

TEST(LifetimeTest, HooksRunInTheirOrderOnOneThread) {
  Puppet puppet("living");
  Rig rig;
  std::set<std::thread::id> threads;
  puppet.on_told = [&](const std::string&) { threads.insert(std::this_thread::get_id()); };
  const auto service = rig.start(puppet);
  Rig::deliver(service, {.kind = Kind::message, .msg_id = 5}, "x");
  EXPECT_TRUE(service->stop());
  EXPECT_EQ(puppet.all(), (std::vector<std::string>{"create", "start", "message 5 x", "stop", "destroy"}));
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(rig.registry.find(service->ref()));
}

TEST(LifetimeTest, IsNotPickedBeforeItHasStarted) {
  Puppet puppet("slow");
  Rig rig;
  bool draining = false;
  puppet.on_start = [&] {
    const auto snapshot = rig.registry.snapshot();
    const auto* entry = snapshot->find(rig.names.service("slow#0@test"));
    draining = entry != nullptr && entry->draining;
    return CM_OK;
  };
  const auto service = rig.start(puppet);
  EXPECT_TRUE(draining);
  const auto snapshot = rig.registry.snapshot();
  EXPECT_FALSE(snapshot->find(service->ref())->draining);
}

TEST(LifetimeTest, FailedCreateAndStartLeaveNothing) {
  Puppet uncreated("uncreated");
  uncreated.on_create = [] { return CM_FAULT; };
  Puppet unstarted("unstarted");
  unstarted.on_start = [&] {
    unstarted.host->report_fault(unstarted.host, "no database");
    return CM_FAULT;
  };
  Rig rig;
  auto status = rig.try_start(uncreated);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text.find("uncreated#0@test was not started: its create"), std::string::npos);
  status = rig.try_start(unstarted);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text.find("no database"), std::string::npos);
  EXPECT_EQ(unstarted.all(), (std::vector<std::string>{"create", "start", "destroy"}));
  EXPECT_TRUE((*rig.registry.snapshot()).entries.empty());
}

TEST(LifetimeTest, IdThatIsUpElsewhereIsRefused) {
  Puppet puppet("twin");
  Rig rig;
  rig.put_remote("twin#0@test", std::make_shared<FakeService>());
  const auto status = rig.try_start(puppet);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text.find("up already on host elsewhere"), std::string::npos);
  EXPECT_EQ(puppet.all(), (std::vector<std::string>{"create", "destroy"}));
}

TEST(LifetimeTest, NothingIsSentFromCreateNorAfterStop) {
  Puppet puppet("eager");
  const auto remote = std::make_shared<FakeService>();
  Rig rig;
  const auto to = static_cast<cm_service>(rig.put_remote("data#0@test", remote));
  const auto send = [&] { return puppet.ext<cm_host_message>(CM_EXT_MESSAGE).send(puppet.host, to, 9, nullptr, 0); };
  std::vector<cm_status> got;
  puppet.on_told = [&](const std::string& what) {
    if (what == "create" || what == "start" || what == "stop" || what == "destroy") got.push_back(send());
  };
  const auto service = rig.start(puppet);
  EXPECT_TRUE(service->stop());
  EXPECT_EQ(got, (std::vector<cm_status>{CM_INVALID, CM_OK, CM_OK, CM_STOPPING}));
  EXPECT_EQ(remote->got().size(), 2U);
}

TEST(LifetimeTest, StopHandlesWhatItHasAndWaitsForItsAnswers) {
  Puppet puppet("patient");
  const auto remote = std::make_shared<FakeService>();
  Rig rig;
  rig.surroundings.patience.drain = 20s;
  const auto to = static_cast<cm_service>(rig.put_remote("data#0@test", remote));
  const auto service = rig.start(puppet);
  rig.run(service, [&] {
    EXPECT_EQ(puppet.ext<cm_host_message>(CM_EXT_MESSAGE)
                  .call(puppet.host, to, 9, nullptr, 0, nullptr, 600'000, "h", nullptr, 0),
              CM_OK);
  });
  auto stopped = std::async(std::launch::async, [&] { return service->stop(); });
  EXPECT_TRUE(rig.wait_draining(service->ref()));
  Rig::deliver(service, {.kind = Kind::message, .msg_id = 5}, "still");
  Rig::deliver(service, {.kind = Kind::reply,
                         .msg_id = 10,
                         .from = static_cast<routing::ServiceRef>(to),
                         .call = remote->got().at(0).call});
  EXPECT_TRUE(stopped.get());
  EXPECT_EQ(puppet.all(),
            (std::vector<std::string>{"create", "start", "message 5 still", "reply h: 0 10 ", "stop", "destroy"}));
  EXPECT_EQ(service->mailbox()->deliver({.kind = Kind::message, .msg_id = 5}), Delivery::gone);
}

TEST(LifetimeTest, CallsThatAreNotAnsweredDoNotKeepItForEver) {
  Puppet puppet("waiting");
  Rig rig;
  rig.surroundings.patience.drain = 20ms;
  const auto to = static_cast<cm_service>(rig.put_remote("data#0@test", std::make_shared<FakeService>()));
  const auto service = rig.start(puppet);
  rig.run(service, [&] {
    EXPECT_EQ(puppet.ext<cm_host_message>(CM_EXT_MESSAGE)
                  .call(puppet.host, to, 9, nullptr, 0, nullptr, 600'000, "h", nullptr, 0),
              CM_OK);
  });
  EXPECT_TRUE(service->stop());
}

// A hook that waits until it is let go.
struct Hang {
  std::promise<void> inside;
  std::promise<void> let_go;
  void wait() {
    auto go = let_go.get_future();
    inside.set_value();
    go.wait();
  }
};

TEST(LifetimeTest, HookThatHangsIsGivenUpAndItsServiceTakenOutOfTheMesh) {
  Hang hang;
  Puppet puppet("hanging");
  std::promise<void> destroyed;
  puppet.on_message = [&](const cm_message&) {
    hang.wait();
    return puppet.ext<cm_host_message>(CM_EXT_MESSAGE).send(puppet.host, 1, 9, nullptr, 0);
  };
  puppet.on_told = [&](const std::string& what) {
    if (what == "destroy") destroyed.set_value();
  };
  {
    Rig rig;
    rig.surroundings.patience = {.settings = 1s, .start = 20s, .drain = 1ms, .stop = 1ms};
    auto service = rig.make(puppet);
    ASSERT_TRUE(service->start({}));
    service->go_public();
    Rig::deliver(service, {.kind = Kind::message, .msg_id = 5});
    hang.inside.get_future().wait();
    EXPECT_FALSE(service->stop());
    EXPECT_TRUE(service->given_up());
    EXPECT_FALSE(rig.registry.find(service->ref()));
    EXPECT_EQ(service->mailbox()->deliver({.kind = Kind::message, .msg_id = 5}), Delivery::gone);
    hang.let_go.set_value();
    destroyed.get_future().wait();
    std::weak_ptr<Service> weak = service;
    rig.forget(service);
    service.reset();
    while (!weak.expired()) std::this_thread::yield();  // its thread has it to the end
  }
}

TEST(LifetimeTest, StartThatHangsIsRefusedInBoundedTime) {
  Hang hang;
  Puppet puppet("stuck");
  std::promise<void> destroyed;
  puppet.on_start = [&] {
    hang.wait();
    return CM_OK;
  };
  puppet.on_told = [&](const std::string& what) {
    if (what == "destroy") destroyed.set_value();
  };
  Rig rig;
  rig.surroundings.patience.start = 50ms;
  auto service = rig.make(puppet);
  const auto status = service->start({});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text.find("did not finish its start"), std::string::npos);
  EXPECT_FALSE(service->stop());
  hang.let_go.set_value();
  destroyed.get_future().wait();
  EXPECT_FALSE(rig.registry.find(service->ref()));
  std::weak_ptr<Service> weak = service;
  rig.forget(service);
  service.reset();
  while (!weak.expired()) std::this_thread::yield();
}

TEST(LifetimeTest, FullMailboxRefusesAndTellsOfRoom) {
  Hang hang;
  Puppet puppet("full");
  bool hung = false;
  puppet.on_message = [&](const cm_message&) {
    if (!std::exchange(hung, true)) hang.wait();
    return CM_OK;
  };
  Rig rig;
  rig.surroundings.mailbox = {.soft = 10'000, .hard = 20'000};
  const auto service = rig.start(puppet);
  Rig::deliver(service, {.kind = Kind::message, .msg_id = 5});
  hang.inside.get_future().wait();
  const std::string body(1000, 'x');
  routing::Envelope e{.kind = Kind::message, .msg_id = 5};
  e.body = std::as_bytes(std::span(body));
  int taken = 0;
  while (service->mailbox()->deliver(e) == Delivery::sent) ++taken;
  EXPECT_EQ(service->mailbox()->deliver(e), Delivery::full);
  EXPECT_GE(taken, 8);
  e.kind = Kind::client_closed;
  EXPECT_EQ(service->mailbox()->deliver(e), Delivery::sent) << "ends are taken beyond the limit for messages";
  hang.let_go.set_value();
  EXPECT_TRUE(rig.events.wait_for([&](const auto& x) { return x.first == Event::room && x.second == service->ref(); }));
  e.kind = Kind::message;
  EXPECT_EQ(service->mailbox()->deliver(e), Delivery::sent);
}

TEST(LifetimeTest, ServiceEventsAreNotLostInAFullMailbox) {
  Hang hang;
  Puppet puppet("flooded");
  bool hung = false;
  puppet.on_message = [&](const cm_message&) {
    if (!std::exchange(hung, true)) hang.wait();
    return CM_OK;
  };
  Rig rig;
  rig.surroundings.mailbox = {.soft = 1'000, .hard = 1'000};
  const auto remote = std::make_shared<FakeService>();
  const auto service = rig.start(puppet);
  Rig::deliver(service, {.kind = Kind::message, .msg_id = 5});
  hang.inside.get_future().wait();
  while (service->mailbox()->deliver({.kind = Kind::client_closed}) == Delivery::sent) {
  }
  std::vector<routing::ServiceRef> refs;
  for (int i = 0; i < 50; ++i) refs.push_back(rig.put_remote("game#" + std::to_string(i) + "@test", remote));
  rig.registry.remove(refs[7]);
  hang.let_go.set_value();
  EXPECT_TRUE(puppet.told("up game#49@test"));
  rig.run(service, [] {});
  EXPECT_EQ(std::ranges::count_if(puppet.all(), [](const auto& s) { return s.starts_with("up "); }), 49)
      << "the one that is gone again is nothing to tell of";
}

TEST(LifetimeTest, ManyThreadsSendInOrderAndNothingIsLost) {
  Puppet puppet("busy");
  static constexpr int kThreads = 3;
  static constexpr int kEach = 3000;
  std::array<int, kThreads> next{};
  bool ordered = true;
  std::promise<void> all;
  int count = 0;
  puppet.on_told = [](const std::string&) {};
  puppet.on_message = [&](const cm_message& m) {
    std::array<int, 2> in{};
    std::memcpy(in.data(), m.body, sizeof in);
    ordered = ordered && next[static_cast<std::size_t>(in[0])]++ == in[1];
    if (++count == kThreads * kEach) all.set_value();
    return CM_OK;
  };
  Rig rig;
  const auto service = rig.start(puppet);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::array<int, 2> body{t, i};
        Rig::deliver(service, {.kind = Kind::message, .msg_id = 5},
                     {reinterpret_cast<const char*>(body.data()), sizeof body});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(ordered);
}

TEST(LifetimeTest, FrontendIsOpenedInStartAcceptsAfterItAndIsClosedBeforeStop) {
  Puppet puppet("agent");
  Rig rig;
  std::uint16_t port = 0;
  const auto& gateway = [&]() -> const cm_host_gateway& { return puppet.ext<cm_host_gateway>(CM_EXT_GATEWAY); };
  puppet.on_start = [&] {
    cm_frontend_options options{};
    EXPECT_EQ(gateway().open(puppet.host, &options, &port), CM_INVALID) << "struct_size is 0";
    options.struct_size = offsetof(cm_frontend_options, ping_id) - 1;
    EXPECT_EQ(gateway().open(puppet.host, &options, &port), CM_INVALID) << "shorter than that of 1.0";
    options.struct_size = offsetof(cm_frontend_options, ping_id);
    options.ping_id = 70'000;  // not of 1.0, and not looked at
    options.address = "taken";
    EXPECT_EQ(gateway().open(puppet.host, &options, &port), CM_UNAVAILABLE);
    options.struct_size = sizeof options;
    EXPECT_EQ(gateway().open(puppet.host, &options, &port), CM_INVALID);
    options.ping_id = 7;
    options.address = nullptr;
    options.routes = 1;
    EXPECT_EQ(gateway().intercept(puppet.host, 7), CM_INVALID) << "no frontend yet";
    EXPECT_EQ(gateway().open(puppet.host, &options, &port), CM_OK);
    EXPECT_EQ(gateway().open(puppet.host, &options, &port), CM_INVALID) << "one a service";
    EXPECT_EQ(gateway().intercept(puppet.host, 7), CM_OK);
    return CM_OK;
  };
  const auto service = rig.start(puppet);
  EXPECT_EQ(port, 4711);
  const auto snapshot = rig.registry.snapshot();
  const auto* entry = snapshot->find(service->ref());
  EXPECT_EQ(entry->public_address, "host:4711");
  EXPECT_TRUE(entry->gateway);
  EXPECT_EQ(entry->clients, rig.frontends.sessions);
  rig.run(service, [&] {
    const cm_client own{static_cast<cm_service>(service->ref()), 0, 5};
    const cm_client other{12345, 0, 5};
    EXPECT_EQ(gateway().admit(puppet.host, &own), CM_OK);
    EXPECT_EQ(gateway().admit(puppet.host, &other), CM_INVALID);
    EXPECT_EQ(gateway().admit(puppet.host, nullptr), CM_INVALID);
    EXPECT_EQ(gateway().bind(puppet.host, &own, 12345), CM_UNAVAILABLE);
    EXPECT_EQ(gateway().bind(puppet.host, &own, static_cast<cm_service>(service->ref())), CM_OK);
    EXPECT_EQ(gateway().unbind(puppet.host, &own, "game"), CM_OK);
    EXPECT_EQ(gateway().release(puppet.host, &own), CM_OK);
    std::uint64_t admitted = 0;
    EXPECT_EQ(gateway().client_count(puppet.host, &admitted), 7U);
    EXPECT_EQ(admitted, 3U);
  });
  std::vector<Kind> kinds;
  for (const auto& got : rig.frontends.sessions->got()) kinds.push_back(got.kind);
  EXPECT_EQ(kinds, (std::vector{Kind::admit, Kind::bind, Kind::unbind, Kind::release}));
  EXPECT_EQ(rig.frontends.sessions->got()[1].body, "agent#0@test");
  EXPECT_TRUE(service->stop());
  EXPECT_EQ(rig.frontends.seen.all(), (std::vector<std::string>{"open taken", "open 0.0.0.0", "intercept 7", "accept",
                                                                "stop_accepting", "close"}));
}

TEST(LifetimeTest, FrontendOfAServiceThatDoesNotStartIsClosed) {
  Puppet puppet("agent");
  Rig rig;
  puppet.on_start = [&] {
    cm_frontend_options options{};
    options.struct_size = sizeof options;
    EXPECT_EQ(puppet.ext<cm_host_gateway>(CM_EXT_GATEWAY).open(puppet.host, &options, nullptr), CM_OK);
    return CM_REFUSED;
  };
  EXPECT_FALSE(rig.try_start(puppet));
  EXPECT_EQ(rig.frontends.seen.all(), (std::vector<std::string>{"open 0.0.0.0", "stop_accepting", "close"}));
}

}  // namespace
}  // namespace cm::plugin::test
