#include "message_id.hpp"

#include <gtest/gtest.h>

#include "agent.cellmesh.hpp"
#include "client.cellmesh.hpp"
#include "echo.cellmesh.hpp"
#include "hub.cellmesh.hpp"

namespace cm::codegen {
namespace {

template <typename M>
constexpr int id = cellmesh::MessageTraits<M>::id;

TEST(MessageId, IsThatOfTheGoCellmesh) {
  EXPECT_EQ(id<proto::PingACK>, 16241);
  EXPECT_EQ(id<proto::LoginREQ>, 18837);
  EXPECT_EQ(id<proto::LoginACK>, 46204);
  EXPECT_EQ(id<proto::VerifyREQ>, 13457);
  EXPECT_EQ(id<proto::VerifyACK>, 40824);
  EXPECT_EQ(id<proto::ChatREQ>, 29052);
  EXPECT_EQ(id<proto::ChatACK>, 56419);
  EXPECT_EQ(id<proto::CloseClientACK>, 58040);
  EXPECT_EQ(id<proto::ClientClosedACK>, 50844);
  EXPECT_EQ(id<proto::BindBackendACK>, 5768);
  EXPECT_EQ(id<proto::SubscribeChannelREQ>, 27927);
  EXPECT_EQ(id<proto::SvcStatusACK>, 50227);
  EXPECT_EQ(id<proto::EchoREQ>, 3323);
  EXPECT_EQ(id<proto::EchoACK>, 30690);
}

TEST(MessageId, LeavesOutTheDots) {
  EXPECT_EQ(message_id("proto.ChatREQ"), message_id("protoChatREQ"));
  EXPECT_EQ(message_id("a.b.Outer.Inner"), message_id("abOuterInner"));
}

TEST(MessageId, ReadsBytesAsUnsigned) { EXPECT_EQ(message_id("\xff"), (0xFF + (0xFF << 7)) & 0xFFFF); }

TEST(Traits, SayTheRoute) {
  using Chat = cellmesh::MessageTraits<proto::ChatREQ>;
  EXPECT_EQ(Chat::name, "proto.ChatREQ");
  EXPECT_EQ(Chat::service, "social");
  EXPECT_EQ(Chat::route, 2);
  EXPECT_EQ(cellmesh::MessageTraits<proto::LoginREQ>::route, 1);
  EXPECT_EQ(cellmesh::MessageTraits<proto::ChatACK>::service, "");
  EXPECT_EQ(cellmesh::MessageTraits<proto::ChatACK>::route, 0);
}

TEST(Traits, SayTheKindOfSettings) {
  EXPECT_EQ(cellmesh::SettingsTraits<proto::AgentSettings>::kind, "agent");
  EXPECT_EQ(cellmesh::SettingsTraits<proto::HubSettings>::kind, "hub");
  EXPECT_FALSE(cellmesh::Message<proto::AgentSettings>);
}

TEST(Traits, CoverNestedMessages) {
  EXPECT_EQ((cellmesh::MessageTraits<proto::ListChannelsACK::Channel>::name), "proto.ListChannelsACK.Channel");
}

}  // namespace
}  // namespace cm::codegen
