#include <gmock/gmock.h>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using cellmesh::Client;
using cellmesh::Status;
using testing::ElementsAre;
using testing::IsEmpty;

// Writes down which overload got what.
std::vector<std::string> handled;

class Both : public cellmesh::Service<Both> {
 public:
  void on(const probe::AskREQ& req, Client from) {
    handled.push_back("client " + std::to_string(from.session()) + " " + req.text());
  }
  void on(const probe::AskREQ& req, cellmesh::Sender from) {
    handled.push_back("service " + directory().name(from.id()) + " " + req.text());
  }
  void on(const probe::LoadREQ& req) { handled.push_back("plain " + req.key()); }
  void on(const probe::NewsACK& news, Client /*from*/) { handled.push_back("client only " + news.text()); }
  Status on(const probe::TickREQ& /*req*/, cellmesh::Sender from) {
    return from.waits() ? Status::refused : Status::ok;
  }
};

class Dispatch : public testing::Test, public Fixture<Both> {
 protected:
  void SetUp() override { handled.clear(); }
  static probe::AskREQ ask(const std::string& text) {
    probe::AskREQ req;
    req.set_text(text);
    return req;
  }
  static probe::LoadREQ load(const std::string& key) {
    probe::LoadREQ req;
    req.set_key(key);
    return req;
  }
};

TEST_F(Dispatch, ClientsMessageReachesTheClientOverload) {
  EXPECT_EQ(host.deliver(ask("hi"), alice), Status::ok);
  EXPECT_THAT(handled, ElementsAre("client 1 hi"));
}

TEST_F(Dispatch, ServicesMessageReachesTheSenderOverload) {
  EXPECT_EQ(host.deliver(ask("hi"), data), Status::ok);
  EXPECT_EQ(host.ask(ask("ho"), data).status, Status::ok);
  EXPECT_THAT(handled, ElementsAre("service data#0@test hi", "service data#0@test ho"));
}

TEST_F(Dispatch, CallOnBehalfOfAClientReachesTheClientOverload) {
  EXPECT_EQ(host.ask(ask("hi"), data, bob).status, Status::ok);
  EXPECT_THAT(handled, ElementsAre("client 2 hi"));
}

TEST_F(Dispatch, ClientNeverReachesAnOverloadMadeForServices) {
  EXPECT_EQ(host.deliver(load("k"), alice), Status::unhandled);
  EXPECT_EQ(host.deliver(probe::TickREQ(), alice), Status::unhandled);
  EXPECT_THAT(handled, IsEmpty());
}

TEST_F(Dispatch, PlainOverloadTakesServicesMessagesAndCallsOnBehalf) {
  EXPECT_EQ(host.deliver(load("a"), data), Status::ok);
  EXPECT_EQ(host.ask(load("b"), data, bob).status, Status::ok);
  EXPECT_THAT(handled, ElementsAre("plain a", "plain b"));
}

TEST_F(Dispatch, ServiceDoesNotReachAClientOverloadWithoutAClient) {
  EXPECT_EQ(host.deliver(probe::NewsACK(), data), Status::unhandled);
  EXPECT_THAT(handled, IsEmpty());
}

TEST_F(Dispatch, MessageWithoutOverloadIsUnhandled) {
  EXPECT_EQ(host.deliver(probe::AskACK(), alice), Status::unhandled);
  EXPECT_EQ(memory.deliver({0, 0, 0, alice.raw()}, 1, ""), CM_UNHANDLED);
  EXPECT_EQ(memory.deliver({0, 0, 0, alice.raw()}, 65535, ""), CM_UNHANDLED);
}

TEST_F(Dispatch, BodyThatDoesNotParseIsABadMessage) {
  EXPECT_EQ(memory.deliver({0, 0, 0, alice.raw()}, message_id<probe::AskREQ>, "\x0a\xff garbage"), CM_BAD_MESSAGE);
  EXPECT_THAT(handled, IsEmpty());
  EXPECT_THAT(faults(memory), IsEmpty());
}

TEST_F(Dispatch, NothingOfAMessageShowsInTheNext) {
  host.deliver(ask("first"), alice);
  host.deliver(probe::AskREQ(), alice);
  EXPECT_THAT(handled, ElementsAre("client 1 first", "client 1 "));
}

TEST_F(Dispatch, LargestMessageArrivesWhole) {
  const std::string text(1U << 20U, 'x');
  EXPECT_EQ(host.deliver(ask(text), alice), Status::ok);
  EXPECT_THAT(handled, ElementsAre("client 1 " + text));
}

TEST_F(Dispatch, StatusOfAHandlerIsTold) {
  EXPECT_EQ(host.reply_status(host.ask(probe::TickREQ(), data)), Status::refused);
  EXPECT_EQ(host.deliver(probe::TickREQ(), data), Status::ok);
}

// Answers: at once, through the sender, later, never.
class Answering : public cellmesh::Service<Answering> {
 public:
  void on(const probe::AskREQ& req, Client /*from*/) {
    probe::AskACK ack;
    ack.set_text("to " + req.text());
    EXPECT_EQ(reply(ack), Status::ok);
  }
  void on(const probe::LoadREQ& /*req*/, cellmesh::Sender from) {
    probe::LoadACK ack;
    ack.set_value("sent");
    EXPECT_EQ(from.reply(ack), Status::ok);
  }
  void on(const probe::NewsACK& /*news*/) { kept_ = request(); }
  void on(const probe::TickREQ& /*tick*/) {
    EXPECT_EQ(directory().name(kept_.from()), "data#0@test");
    EXPECT_TRUE(kept_.waits());
    reply(kept_, probe::AskACK());
    reply_status(kept_, Status::refused);
    reply_status(Status::unavailable);
  }
  void on_service(cellmesh::ServiceId /*service*/, bool /*up*/) {
    EXPECT_EQ(reply(probe::AskACK()), Status::not_found);
    EXPECT_EQ(reply_status(Status::refused), Status::not_found);
    EXPECT_FALSE(request().waits());
  }

 private:
  cellmesh::Request kept_;
};

class Reply : public testing::Test, public Fixture<Answering> {};

TEST_F(Reply, GoesToTheRequestBeingHandled) {
  host.deliver(probe::AskREQ(), alice);
  EXPECT_EQ(host.one<probe::AskACK>(alice).text(), "to ");
  EXPECT_EQ(host.reply<probe::LoadACK>(host.ask(probe::LoadREQ(), data)).value(), "sent");
}

TEST_F(Reply, KeptRequestIsAnsweredFromAnotherMessage) {
  const auto kept = host.ask(probe::NewsACK(), data, bob);
  EXPECT_THAT(host.did(), IsEmpty());
  const auto second = host.ask(probe::TickREQ(), data);
  const auto acts = memory.take();
  ASSERT_EQ(acts.size(), 3U);
  EXPECT_EQ(acts[0].request.call, kept.request.raw().call);
  EXPECT_EQ(acts[0].request.client.session, bob.session());
  EXPECT_EQ(acts[1].status, CM_REFUSED);
  EXPECT_EQ(acts[2].request.call, second.request.raw().call);
}

TEST(Request, ComesBackFromItsBytes) {
  const cellmesh::Request kept(cm_request{3, 0, 7, {5, 0, 41}});
  const auto back = cellmesh::Request::from_bytes(kept.bytes());
  EXPECT_EQ(back.from(), cellmesh::ServiceId(3));
  EXPECT_EQ(back.client(), cellmesh::Client(cellmesh::ServiceId(5), 41));
  EXPECT_EQ(back.raw().call, 7U);
}

TEST(Request, FromOtherBytesIsOneThatNobodyWaitsFor) {
  std::string bytes = cellmesh::Request(cm_request{3, 0, 7, {5, 0, 41}}).bytes();
  bytes.pop_back();
  for (const std::string& other : {std::string(), bytes, bytes + "more"}) {
    const auto request = cellmesh::Request::from_bytes(other);
    EXPECT_FALSE(request.waits());
    EXPECT_FALSE(request.from());
    EXPECT_FALSE(request.client());
  }
}

TEST_F(Reply, BetweenMessagesAnswersNobody) {
  host.up("game#0@test");
  EXPECT_THAT(host.did(), IsEmpty());
  EXPECT_TRUE(host.logged("between messages"));
}

}  // namespace
}  // namespace cm::test
