#include <gmock/gmock.h>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using namespace std::chrono_literals;
using cellmesh::Client;
using cellmesh::CloseReason;
using cellmesh::ServiceId;
using cellmesh::Status;
using testing::ElementsAre;
using testing::IsEmpty;

std::function<void(class Agent&)> act;
std::vector<std::string> seen;

class Agent : public cellmesh::Service<Agent> {
 public:
  void on(const probe::TickREQ& /*tick*/) { act(*this); }
  void on_client_opened(Client client) { seen.push_back("opened " + std::to_string(client.session())); }
  void on_client_closed(Client client, CloseReason reason) {
    seen.push_back("closed " + std::to_string(client.session()) + " " + std::string(to_string(reason)));
  }
  void on_rebound(Client client, ServiceId from, ServiceId to) {
    seen.push_back("rebound " + std::to_string(client.session()) + " " + std::to_string(from.handle()) +
                   (to ? " to one" : " to none"));
  }
};

class ClientsOf : public testing::Test, public Fixture<Agent> {
 protected:
  void SetUp() override { seen.clear(); }
  std::vector<Asked> when(std::function<void(Agent&)> what) {
    act = std::move(what);
    EXPECT_EQ(running.from_service(5, id_of<probe::TickREQ>, probe::TickREQ()), CM_OK);
    return host.take();
  }
  static probe::NewsACK news() {
    probe::NewsACK ack;
    ack.set_text("rain");
    return ack;
  }
};

std::vector<std::string> words(const std::vector<Asked>& asked) {
  std::vector<std::string> all;
  for (const auto& a : asked) {
    all.push_back(a.what);
    for (const auto& client : a.clients) all.back() += " " + std::to_string(client.session);
    if (a.to != 0) all.back() += " @" + std::to_string(a.to);
  }
  return all;
}

TEST_F(ClientsOf, SendsGoToOneAListOrAll) {
  const auto asked = when([](Agent& service) {
    const std::vector<Client> both{Client(alice), Client(bob)};
    EXPECT_EQ(service.clients().send(Client(alice), news()), Status::ok);
    EXPECT_EQ(service.clients().send(both, news()), Status::ok);
    EXPECT_EQ(service.clients().broadcast(news()), Status::ok);
    EXPECT_EQ(service.clients().broadcast(ServiceId(9), news()), Status::ok);
  });
  EXPECT_THAT(words(asked),
              ElementsAre("clients.send 41", "clients.send_list 41 42", "clients.broadcast", "clients.broadcast @9"));
  for (const auto& a : asked) {
    EXPECT_EQ(a.id, id_of<probe::NewsACK>);
    EXPECT_EQ(parsed<probe::NewsACK>(a.body).text(), "rain");
  }
}

TEST_F(ClientsOf, BroadcastToNoAgentReachesNobody) {
  const auto asked = when([](Agent& service) {
    EXPECT_EQ(service.clients().broadcast(ServiceId(), news()), Status::invalid);
    EXPECT_EQ(service.clients().close_all(ServiceId(), CloseReason::kicked), Status::invalid);
  });
  EXPECT_THAT(asked, IsEmpty());
}

TEST_F(ClientsOf, AreClosedOneAListOrAll) {
  const auto asked = when([](Agent& service) {
    service.clients().close(Client(alice), CloseReason::kicked, "bye");
    service.clients().close(std::vector<Client>{}, CloseReason::kicked);
    service.clients().close_all(CloseReason::going_down);
    service.clients().close_all(ServiceId(9), CloseReason::going_down);
    service.clients().bind(Client(alice));
    service.clients().unbind(Client(alice));
  });
  EXPECT_THAT(words(asked), ElementsAre("clients.close 41", "clients.close", "clients.close_all",
                                        "clients.close_all @9", "clients.bind 41", "clients.unbind 41"));
  EXPECT_EQ(asked[0].name, "bye");
  EXPECT_EQ(asked[0].number, CM_CLOSE_KICKED);
}

TEST_F(ClientsOf, WhatTheHostRefusesIsTold) {
  host.answer = [](const Asked&) { return CM_UNAVAILABLE; };
  when([](Agent& service) { EXPECT_EQ(service.clients().send(Client(alice), news()), Status::unavailable); });
}

TEST_F(ClientsOf, TheirComingAndGoingIsTold) {
  running.client_opened(alice);
  running.rebound(alice, 3, 4);
  running.rebound(alice, 3, 0);
  running.client_closed(alice, CM_CLOSE_TOO_SLOW);
  EXPECT_THAT(seen, ElementsAre("opened 41", "rebound 41 3 to one", "rebound 41 3 to none", "closed 41 too slow"));
}

TEST_F(ClientsOf, GatewayCommandsReachTheHost) {
  host.client_count = 12;
  const auto asked = when([](Agent& service) {
    std::uint16_t port = 0;
    EXPECT_EQ(service.gateway().open({.routes = true, .port = 99, .idle_timeout = 3s}, &port), Status::ok);
    EXPECT_EQ(port, 4711);
    service.gateway().intercept<probe::AskREQ>();
    service.gateway().admit(Client(alice));
    service.gateway().bind(Client(alice), ServiceId(7));
    service.gateway().unbind(Client(alice), "game");
    service.gateway().release(Client(alice));
    EXPECT_EQ(service.gateway().client_count(), 12U);
    EXPECT_EQ(service.gateway().admitted_count(), 12U);
  });
  EXPECT_THAT(words(asked), ElementsAre("gateway.open", "gateway.intercept", "gateway.admit 41", "gateway.bind 41 @7",
                                        "gateway.unbind 41", "gateway.release 41"));
  EXPECT_EQ(host.frontend.routes, 1U);
  EXPECT_EQ(host.frontend.idle_timeout_ms, 3000U);
  EXPECT_EQ(host.frontend.admit_timeout_ms, 0U);
  EXPECT_EQ(asked[1].id, id_of<probe::AskREQ>);
}

TEST_F(ClientsOf, NewLimitsReachTheHost) {
  const auto asked =
      when([](Agent& service) { service.gateway().update({.admit_timeout = std::chrono::milliseconds(2)}); });
  EXPECT_THAT(words(asked), ElementsAre("gateway.update"));
  EXPECT_EQ(host.frontend.admit_timeout_ms, 2U);
}

}  // namespace
}  // namespace cm::test
