// What the gateway does with frames of every size, and with messages that it does not know.
#include "e2e/fixture.hpp"
#include "echo.pb.h"

namespace cm::test {
namespace {

using namespace std::string_literals;
using proto::NoticeACK;

constexpr std::size_t kLargestBody = 65533;

class Frames : public OnEveryWay {};
CM_ON_EVERY_WAY(Frames);

// An EchoREQ whose body has this size.
proto::EchoREQ echo_of(std::size_t body_size) {
  proto::EchoREQ req;
  req.set_content(std::string(body_size, 'e'));
  req.set_content(std::string(body_size - (req.ByteSizeLong() - body_size), 'e'));
  EXPECT_EQ(req.ByteSizeLong(), body_size);
  return req;
}

TEST_P(Frames, LengthZeroIsMalformedAndCloses) {
  Client client = stranger();
  client.send_raw("\0\0"s);
  expect_end(client, NoticeACK::Malformed, 1007);
}

TEST_P(Frames, LengthOneIsMalformedAndCloses) {
  Client client = player();
  client.send_raw("\1\0x"s);
  expect_end(client, NoticeACK::Malformed, 1007);
}

TEST_P(Frames, MessagesBeforeAMalformedOneAreCarried) {
  Client other = player();
  Client client = player();
  client.send_raw(frame(id_of<proto::ChatREQ>(), chat_req("still good").SerializeAsString()) + "\1\0x"s);
  expect_chat(other, "still good");
  expect_end(client, NoticeACK::Malformed, 1007);
}

TEST_P(Frames, TruncatedFrameOfAClientThatGoesHarmsNobody) {
  Client other = player();
  {
    Client client = player();
    client.send_raw(frame(id_of<proto::ChatREQ>(), chat_req("never whole").SerializeAsString()).substr(0, 9));
    client.shutdown_write();
    client.expect_close();
  }
  {
    Client client = player();
    client.send_raw("\xff"s);
    client.reset();
  }
  chat(other, "still here");
}

TEST_P(Frames, LargestMessageCrossesWholeAndHarmsNobody) {
  Client large = player();
  Client other = player();
  const auto req = echo_of(kLargestBody);
  for (int i = 0; i < 3; ++i) {
    large.send(req);
    chat(other, "beside a large one");
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(large.expect<proto::EchoACK>().content(), req.content());
  chat(large, "after large ones");
}

TEST_P(Frames, MessageOverTheLimitIsToldAndCloses) {
  const bool websocket = stranger().websocket();
  ScopedSetting limit(mesh(), websocket ? "agent/ws_max_body" : "agent/max_body", "1000");
  Client other = player();
  std::optional<NoticeACK> notice;
  int code = 0;
  ASSERT_TRUE(wait_until([&] {  // until the new limit is live
    Client client = player();
    client.send(echo_of(2000));
    client.shutdown_write();
    notice = client.expect_close();
    code = client.close_code();
    return notice && notice->code() == NoticeACK::TooLarge;
  }));
  EXPECT_EQ(code, websocket ? 1009 : 0);
  // A WebSocket's message is refused before it is whole, and looked at.
  EXPECT_EQ(notice->msg_id(), websocket ? 0 : id_of<proto::EchoREQ>());
  Client client = player();
  client.send(echo_of(1000));
  EXPECT_EQ(client.expect<proto::EchoACK>().ByteSizeLong(), 1000);
  chat(other, "unharmed");
}

TEST_P(Frames, OneByteAtATimeIsAWholeMessage) {
  Client client = player();
  for (const char byte : frame(id_of<proto::ChatREQ>(), chat_req("slowly").SerializeAsString())) {
    client.send_raw(std::string(1, byte));
  }
  EXPECT_EQ(client.expect<proto::ChatACK>().content(), "slowly");
}

TEST_P(Frames, ThousandMessagesInOneWriteComeBackInOrder) {
  Client client = player();
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    proto::EchoREQ req;
    req.set_content(std::to_string(i));
    bytes += frame(id_of<proto::EchoREQ>(), req.SerializeAsString());
  }
  client.send_raw(bytes);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(client.expect<proto::EchoACK>().content(), std::to_string(i));
}

TEST_P(Frames, UnknownIdIsToldAndDropped) {
  Client client = player();
  client.send(7, "whatever");
  EXPECT_EQ(client.expect_notice(NoticeACK::MessageBlocked).msg_id(), 7);
  chat(client, "the connection stays");
}

TEST_P(Frames, MessageWithoutARouteIsToldAndDropped) {
  Client client = player();
  proto::ChatACK forged;
  forged.set_content("as if from the game");
  client.send(forged);
  EXPECT_EQ(client.expect_notice(NoticeACK::MessageBlocked).msg_id(), id_of<proto::ChatACK>());
  chat(client, "the connection stays");
}

TEST_P(Frames, TooManyBlockedMessagesCloseTheClient) {
  Client client = player();
  for (int i = 0; i < 20; ++i) client.send(7, "");
  expect_end(client, NoticeACK::Blocked);
}

TEST_P(Frames, GarbageBodyIsToldAndDropped) {
  Client client = player();
  client.send(id_of<proto::ChatREQ>(), "\xff\xff\xff\xff\xff");
  EXPECT_EQ(client.expect_notice(NoticeACK::MessageMalformed).msg_id(), id_of<proto::ChatREQ>());
  chat(client, "the connection stays");
}

TEST_P(Frames, EmptyBodyIsAMessage) {
  Client client = player();
  client.send(id_of<proto::EchoREQ>(), "");
  EXPECT_EQ(client.expect<proto::EchoACK>().content(), "");
}

}  // namespace
}  // namespace cm::test
