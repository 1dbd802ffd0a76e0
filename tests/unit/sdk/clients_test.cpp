#include <gmock/gmock.h>

#include <functional>

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
    seen.push_back("rebound " + std::to_string(client.session()) + " " + directory().name(from) +
                   (to ? " to one" : " to none"));
  }
};

// Its clients are its own: the agent is the one of agent#0@test.
class ClientsOf : public testing::Test, public Fixture<Agent> {
 protected:
  void SetUp() override { seen.clear(); }
  // Lets the service do something, and tells what it did.
  std::vector<std::string> when(std::function<void(Agent&)> what) {
    host.clear();
    act = std::move(what);
    EXPECT_EQ(host.deliver(probe::TickREQ(), data), Status::ok);
    return host.did();
  }
  static probe::NewsACK news() {
    probe::NewsACK ack;
    ack.set_text("rain");
    return ack;
  }
};

TEST_F(ClientsOf, SendsGoToOneAListOrAll) {
  EXPECT_THAT(when([&](Agent& service) {
                const std::vector<Client> both{alice, bob};
                EXPECT_EQ(service.clients().send(alice, news()), Status::ok);
                EXPECT_EQ(service.clients().send(both, news()), Status::ok);
                EXPECT_EQ(service.clients().broadcast(news()), Status::ok);
                EXPECT_EQ(service.clients().broadcast(service.self(), news()), Status::ok);
              }),
              testing::SizeIs(4));
  std::vector<std::string> words;
  for (const auto& sent : host.take<probe::NewsACK>()) {
    EXPECT_EQ(sent.message.text(), "rain");
    words.push_back(memory.describe(sent.act));
  }
  EXPECT_THAT(words, ElementsAre("clients.send 1", "clients.send_list 1 2", "clients.broadcast",
                                 "clients.broadcast @agent#0@test"));
}

TEST_F(ClientsOf, BroadcastToNoAgentReachesNobody) {
  EXPECT_THAT(when([](Agent& service) {
                EXPECT_EQ(service.clients().broadcast(ServiceId(), news()), Status::invalid);
                EXPECT_EQ(service.clients().close_all(ServiceId(), CloseReason::kicked), Status::invalid);
              }),
              IsEmpty());
}

TEST_F(ClientsOf, AreClosedOneAListOrAll) {
  EXPECT_THAT(when([&](Agent& service) {
                service.clients().close(alice, CloseReason::kicked, "bye");
                service.clients().close(std::vector<Client>{}, CloseReason::kicked);
                service.clients().close_all(CloseReason::going_down);
                service.clients().close_all(service.self(), CloseReason::going_down);
                service.clients().bind(alice);
                service.clients().unbind(alice);
              }),
              ElementsAre("clients.close 1", "clients.close_list", "clients.close_all",
                          "clients.close_all @agent#0@test", "clients.bind 1", "clients.unbind 1"));
  EXPECT_EQ(memory.acts()[0].text, "bye");
  EXPECT_EQ(memory.acts()[0].reason, CM_CLOSE_KICKED);
  EXPECT_EQ(host.closed(alice), CloseReason::kicked);
}

TEST_F(ClientsOf, WhatTheHostRefusesIsTold) {
  host.refuse(Did::clients_send, Status::unavailable);
  when([&](Agent& service) { EXPECT_EQ(service.clients().send(alice, news()), Status::unavailable); });
}

TEST_F(ClientsOf, TheirComingAndGoingIsTold) {
  const Client carol = host.client(host.self());
  host.rebind(carol, data, host.up("data#1@test"));
  host.rebind(carol, data, ServiceId());
  host.disconnect(carol, CloseReason::too_slow);
  EXPECT_THAT(seen, ElementsAre("opened 3", "rebound 3 data#0@test to one", "rebound 3 data#0@test to none",
                                "closed 3 too slow"));
}

TEST_F(ClientsOf, GatewayCommandsReachTheHost) {
  EXPECT_THAT(when([&](Agent& service) {
                std::uint16_t port = 0;
                EXPECT_EQ(service.gateway().open({.routes = true, .port = 99, .idle_timeout = 3s}, &port), Status::ok);
                EXPECT_EQ(port, 99);
                service.gateway().intercept<probe::AskREQ>();
                service.gateway().admit(alice);
                service.gateway().bind(alice, data);
                service.gateway().unbind(alice, "game");
                service.gateway().release(alice);
                EXPECT_EQ(service.gateway().client_count(), 2U);
                EXPECT_EQ(service.gateway().admitted_count(), 1U);
              }),
              ElementsAre("gateway.open", testing::StartsWith("gateway.intercept"), "gateway.admit 1",
                          "gateway.bind 1 @data#0@test", "gateway.unbind 1 game", "gateway.release 1"));
  const auto& frontend = *memory.frontend();
  EXPECT_EQ(frontend.options.routes, 1U);
  EXPECT_EQ(frontend.options.idle_timeout_ms, 3000U);
  EXPECT_EQ(frontend.options.admit_timeout_ms, 0U);
  EXPECT_THAT(frontend.intercepted, ElementsAre(message_id<probe::AskREQ>));
}

TEST_F(ClientsOf, NewLimitsReachTheHost) {
  when([](Agent& service) {
    EXPECT_EQ(service.gateway().update({.admit_timeout = 2ms}), Status::invalid) << "it has no frontend yet";
    EXPECT_EQ(service.gateway().open({}), Status::ok);
    EXPECT_EQ(service.gateway().update({.admit_timeout = 2ms}), Status::ok);
  });
  EXPECT_EQ(memory.frontend()->options.admit_timeout_ms, 2U);
}

}  // namespace
}  // namespace cm::test
