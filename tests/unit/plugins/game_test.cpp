#include "unit/plugins/loaded.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class GamePlugin : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(game.start(), CM_OK);
    host.take();
  }
  cm_status say(const cm_client& client, const std::string& what) {
    proto::ChatREQ req;
    req.set_content(what);
    return game.from_client(client, id_of<proto::ChatREQ>, req);
  }
  // The load that the timer among what was asked reports.
  std::int64_t load(const std::vector<Asked>& asked) {
    for (const auto& a : asked) {
      if (a.what != "timer") continue;
      EXPECT_EQ(game.fire(a), CM_OK);
    }
    const auto loads = host.take("load");
    return loads.empty() ? -1 : loads.back().number;
  }

  FakeHost host{"game#0@test"};
  cm_service agent = host.up("agent#0@test");
  Running game{kind_of("game"), host};
  cm_client alice{agent, 0, 41};
  cm_client bob{agent, 0, 42};
};

TEST_F(GamePlugin, LetsInWhomAnAgentVerifies) {
  EXPECT_EQ(game.from_service(agent, id_of<proto::VerifyREQ>, proto::VerifyREQ(), 7, alice), CM_OK);
  const auto asked = host.take();
  ASSERT_THAT(words(asked), ElementsAre("timer", "reply"));
  EXPECT_EQ(asked[1].request.call, 7U);
  EXPECT_EQ(parsed<proto::VerifyACK>(asked[1]).result(), proto::NoError);
  EXPECT_EQ(load(asked), 1);
}

TEST_F(GamePlugin, VerifyPastTheAgentIsRefused) {
  EXPECT_EQ(game.from_client(alice, id_of<proto::VerifyREQ>, proto::VerifyREQ()), CM_REFUSED);
  EXPECT_THAT(host.take(), IsEmpty());
}

TEST_F(GamePlugin, ChatGoesToEverybodyAndIsAnsweredOnce) {
  EXPECT_EQ(say(alice, "hi"), CM_OK);
  const auto asked = host.take();
  ASSERT_THAT(words(asked), ElementsAre("timer", "clients.broadcast", "reply"));
  EXPECT_EQ(asked[1].to, 0U);
  EXPECT_EQ(parsed<proto::ChatACK>(asked[1]).content(), "hi");
  EXPECT_EQ(asked[2].request.client.session, 41U);
  EXPECT_EQ(parsed<proto::TestACK>(asked[2]).dummy(), "sent to everybody");
}

TEST_F(GamePlugin, BroadcastThatDoesNotReachEveryAgentIsTold) {
  host.answer = [](const Asked& a) { return a.what == "clients.broadcast" ? CM_BACKPRESSURE : CM_OK; };
  say(alice, "hi");
  const auto replies = host.take("reply");
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_THAT(parsed<proto::TestACK>(replies[0]).dummy(), HasSubstr("backpressure"));
}

TEST_F(GamePlugin, LoadIsItsPlayersAlsoThoseBoundAnew) {
  game.from_service(agent, id_of<proto::VerifyREQ>, proto::VerifyREQ(), 7, alice);
  say(bob, "I was in another game");
  say(bob, "again");
  EXPECT_EQ(load(host.take()), 2);
  game.client_closed(alice, CM_CLOSE_BY_CLIENT);
  game.client_closed({agent, 0, 99}, CM_CLOSE_BY_CLIENT);
  EXPECT_EQ(load(host.take()), 1);
}

TEST(EchoPlugin, AnswersItsSender) {
  FakeHost host("echo#0@test");
  Running echo(kind_of("echo"), host);
  EXPECT_EQ(echo.start(), CM_OK);
  proto::EchoREQ req;
  req.set_content("hello");
  EXPECT_EQ(echo.from_client({9, 0, 41}, id_of<proto::EchoREQ>, req), CM_OK);
  const auto asked = host.take();
  ASSERT_THAT(words(asked), ElementsAre("reply"));
  EXPECT_EQ(parsed<proto::EchoACK>(asked[0]).content(), "hello");
}

}  // namespace
}  // namespace cm::test
