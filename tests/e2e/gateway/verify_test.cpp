// What a client may do before, while and after it is admitted.
#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

using proto::NoticeACK;

class Verify : public OnEveryWay {
 protected:
  [[nodiscard]] std::string verify_frame() {
    return frame(id_of<proto::VerifyREQ>(), verify_req(ticket()).SerializeAsString());
  }
  static std::string chat_frame(const std::string& content) {
    return frame(id_of<proto::ChatREQ>(), chat_req(content).SerializeAsString());
  }
  // One that stated its version before the verify: it is sent notices.
  Client stranger_of_version_2() {
    Client client = stranger();
    proto::PingACK ping;
    ping.set_protocol(proto::Version2);
    client.send(ping);
    EXPECT_EQ(client.expect<proto::PingACK>().protocol(), proto::Version2);
    return client;
  }
};
CM_ON_EVERY_WAY(Verify);

TEST_P(Verify, ChatRightBehindTheVerifyWaitsForItsAnswer) {
  for (int i = 0; i < 20; ++i) {
    Client client = stranger();
    client.send_raw(verify_frame() + chat_frame("first") + chat_frame("second"));
    // Nobody else chats: the first thing it hears is the answer.
    const auto first = client.read();
    ASSERT_TRUE(first && first->is<proto::VerifyACK>());
    EXPECT_EQ(first->as<proto::VerifyACK>().result(), proto::NoError);
    EXPECT_EQ(client.expect<proto::ChatACK>().content(), "first");
    EXPECT_EQ(client.expect<proto::ChatACK>().content(), "second");
  }
}

TEST_P(Verify, ChatBeforeItIsToldAndDropped) {
  Client client = stranger_of_version_2();
  client.send(chat_req("too early"));
  const auto notice = client.expect_notice(NoticeACK::MessageNotAdmitted);
  EXPECT_EQ(notice.msg_id(), id_of<proto::ChatREQ>());
  client.send_raw(verify_frame());
  EXPECT_EQ(client.expect<proto::VerifyACK>().result(), proto::NoError);
  chat(client, "now it may");
}

TEST_P(Verify, PingBeforeItIsAnswered) {
  Client client = stranger();
  client.send(proto::PingACK());
  client.expect<proto::PingACK>();
}

TEST_P(Verify, TooManyMessagesBeforeItCloseTheClient) {
  Client client = stranger();
  for (int i = 0; i < 20; ++i) client.send(chat_req("let me in"));
  expect_end(client, NoticeACK::NotAdmitted);
}

TEST_P(Verify, ASecondOneChangesNothing) {
  Client client = player();
  client.send_raw(verify_frame());
  client.expect_notice(NoticeACK::AlreadyVerified);
  chat(client, "as before");
}

TEST_P(Verify, AServiceThatIsNotThereOrNoGameIsRefused) {
  Client client = stranger();
  auto ticket = this->ticket();
  const std::string game = ticket.game;
  for (const std::string wrong : {"game#99@dev", "game", "#@", "no such thing", "hub#0@dev", "agent#0@dev"}) {
    ticket.game = wrong;
    client.send(verify_req(ticket));
    EXPECT_EQ(client.expect<proto::VerifyACK>().result(), proto::GameNotFound) << wrong;
  }
  ticket.game = game;
  client.send(verify_req(ticket));
  EXPECT_EQ(client.expect<proto::VerifyACK>().result(), proto::NoError);
  chat(client, "in at last");
}

TEST_P(Verify, ChatBehindOneThatFailsIsNotAdmitted) {
  Client client = stranger();
  auto ticket = this->ticket();
  ticket.game = "game#99@dev";
  client.send_raw(frame(id_of<proto::VerifyREQ>(), verify_req(ticket).SerializeAsString()) + chat_frame("me too"));
  EXPECT_EQ(client.expect<proto::VerifyACK>().result(), proto::GameNotFound);
  EXPECT_EQ(client.expect_notice(NoticeACK::MessageNotAdmitted).msg_id(), id_of<proto::ChatREQ>());
}

TEST_P(Verify, AGarbledOneIsToldAndTheNextOneCounts) {
  Client client = stranger_of_version_2();
  client.send(id_of<proto::VerifyREQ>(), "\xff\xff\xff\xff");
  EXPECT_EQ(client.expect_notice(NoticeACK::MessageMalformed).msg_id(), id_of<proto::VerifyREQ>());
  client.send_raw(verify_frame());
  EXPECT_EQ(client.expect<proto::VerifyACK>().result(), proto::NoError);
}

TEST_P(Verify, WhoIsNotAdmittedHearsNoBroadcast) {
  Client client = stranger();
  client.send(proto::PingACK());
  client.expect<proto::PingACK>();
  Client talker = player();
  chat(talker, "for players only");
  chat(talker, "once more");
  // The next that it hears is an answer to it: what was sent to others before, it would have had before.
  client.send(proto::PingACK());
  const auto next = client.read();
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->is<proto::PingACK>()) << next->id;
}

class NeverVerified : public OnEveryWay {};
CM_ON_DEPLOYMENTS(NeverVerified);

TEST_P(NeverVerified, IsClosedInTimeAndWhoIsAdmittedStays) {
  ScopedSetting limit(mesh(), "agent/verify_timeout_sec", "1");
  auto admitted = players_by_every_transport(mesh());
  std::vector<Client> strangers;
  for (const std::string way : kTransports) strangers.emplace_back(mesh().url("agent", way));
  for (std::size_t i = 0; i < strangers.size(); ++i) {
    SCOPED_TRACE(kTransports.at(i));
    expect_end(strangers[i], NoticeACK::NotAdmitted);
  }
  for (auto& client : admitted) chat(client, "stays");
}

}  // namespace
}  // namespace cm::test
