#include <gmock/gmock.h>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Writes down which overload got what.
std::vector<std::string> seen;

class Both : public cellmesh::Service<Both> {
 public:
  void on(const probe::AskREQ& req, cellmesh::Client from) {
    seen.push_back("client " + std::to_string(from.session()) + " " + req.text());
  }
  void on(const probe::AskREQ& req, cellmesh::Sender from) {
    seen.push_back("service " + std::to_string(from.id().handle()) + " " + req.text());
  }
  void on(const probe::LoadREQ& req) { seen.push_back("plain " + req.key()); }
  void on(const probe::NewsACK& news, cellmesh::Client /*from*/) { seen.push_back("client only " + news.text()); }
  cellmesh::Status on(const probe::TickREQ& /*req*/, cellmesh::Sender from) {
    return from.waits() ? cellmesh::Status::refused : cellmesh::Status::ok;
  }
};

class Dispatch : public testing::Test, public Fixture<Both> {
 protected:
  void SetUp() override { seen.clear(); }
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
  EXPECT_EQ(running.from_client(alice, id_of<probe::AskREQ>, ask("hi")), CM_OK);
  EXPECT_THAT(seen, ElementsAre("client 41 hi"));
}

TEST_F(Dispatch, ServicesMessageReachesTheSenderOverload) {
  EXPECT_EQ(running.from_service(5, id_of<probe::AskREQ>, ask("hi")), CM_OK);
  EXPECT_EQ(running.from_service(5, id_of<probe::AskREQ>, ask("ho"), 77), CM_OK);
  EXPECT_THAT(seen, ElementsAre("service 5 hi", "service 5 ho"));
}

TEST_F(Dispatch, CallOnBehalfOfAClientReachesTheClientOverload) {
  EXPECT_EQ(running.from_service(5, id_of<probe::AskREQ>, ask("hi"), 77, bob), CM_OK);
  EXPECT_THAT(seen, ElementsAre("client 42 hi"));
}

TEST_F(Dispatch, ClientNeverReachesAnOverloadMadeForServices) {
  EXPECT_EQ(running.from_client(alice, id_of<probe::LoadREQ>, load("k")), CM_UNHANDLED);
  EXPECT_EQ(running.from_client(alice, id_of<probe::TickREQ>, probe::TickREQ()), CM_UNHANDLED);
  EXPECT_THAT(seen, IsEmpty());
}

TEST_F(Dispatch, PlainOverloadTakesServicesMessagesAndCallsOnBehalf) {
  EXPECT_EQ(running.from_service(5, id_of<probe::LoadREQ>, load("a")), CM_OK);
  EXPECT_EQ(running.from_service(5, id_of<probe::LoadREQ>, load("b"), 77, bob), CM_OK);
  EXPECT_THAT(seen, ElementsAre("plain a", "plain b"));
}

TEST_F(Dispatch, ServiceDoesNotReachAClientOverloadWithoutAClient) {
  EXPECT_EQ(running.from_service(5, id_of<probe::NewsACK>, probe::NewsACK()), CM_UNHANDLED);
  EXPECT_THAT(seen, IsEmpty());
}

TEST_F(Dispatch, MessageWithoutOverloadIsUnhandled) {
  EXPECT_EQ(running.from_client(alice, id_of<probe::AskACK>, probe::AskACK()), CM_UNHANDLED);
  EXPECT_EQ(running.from_client(alice, 1, probe::AskACK()), CM_UNHANDLED);
  EXPECT_EQ(running.from_client(alice, 65535, probe::AskACK()), CM_UNHANDLED);
}

TEST_F(Dispatch, BodyThatDoesNotParseIsABadMessage) {
  EXPECT_EQ(running.message({0, 0, 0, alice}, id_of<probe::AskREQ>, "\x0a\xff garbage"), CM_BAD_MESSAGE);
  EXPECT_THAT(seen, IsEmpty());
  EXPECT_THAT(host.faults, IsEmpty());
}

TEST_F(Dispatch, NothingOfAMessageShowsInTheNext) {
  running.from_client(alice, id_of<probe::AskREQ>, ask("first"));
  running.message({0, 0, 0, alice}, id_of<probe::AskREQ>, "");
  EXPECT_THAT(seen, ElementsAre("client 41 first", "client 41 "));
}

TEST_F(Dispatch, LargestMessageArrivesWhole) {
  const std::string text(1U << 20U, 'x');
  EXPECT_EQ(running.from_service(5, id_of<probe::AskREQ>, ask(text)), CM_OK);
  EXPECT_THAT(seen, ElementsAre("service 5 " + text));
}

TEST_F(Dispatch, StatusOfAHandlerIsTold) {
  EXPECT_EQ(running.from_service(5, id_of<probe::TickREQ>, probe::TickREQ(), 77), CM_REFUSED);
  EXPECT_EQ(running.from_service(5, id_of<probe::TickREQ>, probe::TickREQ()), CM_OK);
}

// Answers: at once, through the sender, later, never.
class Answering : public cellmesh::Service<Answering> {
 public:
  void on(const probe::AskREQ& req, cellmesh::Client /*from*/) {
    probe::AskACK ack;
    ack.set_text("to " + req.text());
    EXPECT_EQ(reply(ack), cellmesh::Status::ok);
  }
  void on(const probe::LoadREQ& /*req*/, cellmesh::Sender from) {
    probe::LoadACK ack;
    ack.set_value("sent");
    EXPECT_EQ(from.reply(ack), cellmesh::Status::ok);
  }
  void on(const probe::NewsACK& /*news*/, cellmesh::Sender /*from*/) { kept_ = request(); }
  void on(const probe::TickREQ& /*tick*/) {
    EXPECT_EQ(kept_.from().handle(), 5U);
    EXPECT_TRUE(kept_.waits());
    reply(kept_, probe::AskACK());
    reply_status(kept_, cellmesh::Status::refused);
    reply_status(cellmesh::Status::unavailable);
  }
  void on_service(cellmesh::ServiceId /*service*/, bool /*up*/) {
    EXPECT_EQ(reply(probe::AskACK()), cellmesh::Status::not_found);
    EXPECT_EQ(reply_status(cellmesh::Status::refused), cellmesh::Status::not_found);
    EXPECT_FALSE(request().waits());
  }

 private:
  cellmesh::Request kept_;
};

class Reply : public testing::Test, public Fixture<Answering> {};

TEST_F(Reply, GoesToTheRequestBeingHandled) {
  running.from_client(alice, id_of<probe::AskREQ>, probe::AskREQ());
  running.from_service(5, id_of<probe::LoadREQ>, probe::LoadREQ(), 77);
  const auto replies = host.take("reply");
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].id, id_of<probe::AskACK>);
  EXPECT_EQ(replies[0].request.client.session, 41U);
  EXPECT_EQ(parsed<probe::AskACK>(replies[0].body).text(), "to ");
  EXPECT_EQ(replies[1].request.call, 77U);
  EXPECT_EQ(parsed<probe::LoadACK>(replies[1].body).value(), "sent");
}

TEST_F(Reply, KeptRequestIsAnsweredFromAnotherMessage) {
  running.from_service(5, id_of<probe::NewsACK>, probe::NewsACK(), 78, bob);
  EXPECT_THAT(host.take(), IsEmpty());
  running.from_service(6, id_of<probe::TickREQ>, probe::TickREQ(), 79);
  const auto asked = host.take();
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[0].request.call, 78U);
  EXPECT_EQ(asked[0].request.client.session, 42U);
  EXPECT_EQ(asked[1].number, CM_REFUSED);
  EXPECT_EQ(asked[2].request.call, 79U);
}

TEST_F(Reply, BetweenMessagesAnswersNobody) {
  running.service(5, true);
  EXPECT_THAT(host.take(), IsEmpty());
  EXPECT_THAT(host.lines, testing::Contains(testing::HasSubstr("between messages")));
}

}  // namespace
}  // namespace cm::test
