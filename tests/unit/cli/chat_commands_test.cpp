#include "cli/chat_commands.hpp"

#include <gmock/gmock.h>

namespace cm::cli {
namespace {

using testing::HasSubstr;

template <class Request>
Request request(const std::string& line, const std::string& channel = {}) {
  return std::get<Request>(std::get<ChatRequest>(parse_chat_line(line, channel)));
}
std::string hint(const std::string& line) { return std::get<ChatHint>(parse_chat_line(line, {})).text; }

TEST(ChatCommands, WhatIsNoCommandIsSaidWhereThePlayerIs) {
  EXPECT_EQ(request<proto::ChatREQ>("hello").content(), "hello");
  EXPECT_EQ(request<proto::ChatREQ>("hello").channel(), "");
  EXPECT_EQ(request<proto::ChatREQ>("hello", "red").channel(), "red");
  EXPECT_EQ(request<proto::ChatREQ>("//join me").content(), "/join me");
}

TEST(ChatCommands, EachAsksForItsOwn) {
  EXPECT_EQ(request<proto::WhoREQ>("/who").channel(), "");
  EXPECT_EQ(request<proto::WhoREQ>("/who", "red").channel(), "red");
  EXPECT_EQ(request<proto::JoinChannelREQ>("/join  red ").channel(), "red");
  EXPECT_EQ(request<proto::LeaveChannelREQ>("/leave", "red").channel(), "red");
  const auto msg = request<proto::ChatREQ>("/msg bob  how are you?", "red");
  EXPECT_EQ(msg.to(), "bob");
  EXPECT_EQ(msg.channel(), "");
  EXPECT_EQ(msg.content(), "how are you?");
  EXPECT_EQ(request<proto::FriendREQ>("/friend").what(), proto::FriendREQ::List);
  EXPECT_EQ(request<proto::FriendREQ>("/friend bob").what(), proto::FriendREQ::Add);
  EXPECT_EQ(request<proto::FriendREQ>("/unfriend bob").what(), proto::FriendREQ::Remove);
  EXPECT_EQ(request<proto::FriendREQ>("/block bob").what(), proto::FriendREQ::Block);
  EXPECT_EQ(request<proto::FriendREQ>("/unblock bob").uid(), "bob");
  EXPECT_TRUE(request<proto::LevelUpREQ>("/level").request_id().empty());
  (void)request<proto::PlayerREQ>("/me");
}

TEST(ChatCommands, MistakesAreToldWithTheirCure) {
  EXPECT_THAT(hint("/help"), HasSubstr("/join CHANNEL"));
  EXPECT_THAT(hint("/jion red"), HasSubstr("there is no /jion; /who"));
  EXPECT_THAT(hint("/join"), HasSubstr("/join CHANNEL"));
  EXPECT_THAT(hint("/leave"), HasSubstr("no channel"));
  EXPECT_THAT(hint("/msg bob"), HasSubstr("/msg UID TEXT"));
  EXPECT_THAT(hint("/unblock"), HasSubstr("/unblock UID"));
}

TEST(ChatCommands, LinesSayWhoSaidThemWhere) {
  proto::ChatACK said;
  said.set_content("hi");
  EXPECT_EQ(show(said), "hi");
  said.set_from("bob");
  EXPECT_EQ(show(said), "bob: hi");
  said.set_channel("red");
  EXPECT_EQ(show(said), "[red] bob: hi");
  said.clear_channel();
  said.set_to("ann");
  EXPECT_EQ(show(said), "bob -> you: hi");
}

TEST(ChatCommands, ListsAreSentences) {
  proto::WhoACK who;
  who.set_count(3);
  who.add_uid("ann");
  who.add_uid("bob");
  EXPECT_EQ(describe(who), "3 online: ann, bob ...");
  proto::FriendACK friends;
  EXPECT_EQ(describe(friends), "friends: nobody");
  friends.add_friends()->set_uid("cid");
  auto& bob = *friends.add_friends();
  bob.set_uid("bob");
  bob.set_online(true);
  friends.add_blocked("dan");
  EXPECT_EQ(describe(friends), "friends: cid, bob (online); blocked: dan");
  EXPECT_EQ(describe(bob), "bob is online");
}

TEST(ChatCommands, APlayerIsASentence) {
  proto::PlayerACK player;
  player.set_uid("ann");
  player.set_level(2);
  player.set_coins(900);
  player.set_experience(20);
  player.set_next_price(200);
  EXPECT_EQ(describe(player), "ann: level 2, 900 coins, 20 experience; the next level costs 200 coins");
  player.clear_next_price();
  EXPECT_EQ(describe(player), "ann: level 2, 900 coins, 20 experience; there is no higher level");
}

TEST(ChatCommands, ALevelUpIsToldWithItsPriceOrWhyItIsNone) {
  proto::LevelUpACK ack;
  ack.set_text("level 2 for 100 coins; you have 900");
  EXPECT_EQ(describe(ack), "you are on level 2 for 100 coins; you have 900");
  ack.set_result(proto::NotEnoughCoins);
  ack.set_text("level 5 costs 800 coins, and you have 330");
  EXPECT_EQ(describe(ack), "your coins do not suffice: level 5 costs 800 coins, and you have 330");
  ack.clear_text();
  EXPECT_EQ(describe(ack), "your coins do not suffice");
  ack.set_result(proto::HighestLevel);
  EXPECT_EQ(describe(ack), "there is no higher level");
}

}  // namespace
}  // namespace cm::cli
