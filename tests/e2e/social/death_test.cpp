// Two agents, and services that are killed without a word.
#include <gmock/gmock.h>

#include <algorithm>
#include <optional>

#include "e2e/social/talk.hpp"

namespace cm::test {
namespace {

using proto::NoticeACK;
using testing::Contains;
using testing::Not;

class TwoAgents : public testing::Test {
 protected:
  void SetUp() override {
    other_ = mesh_.add_host("agent2", {"--plugins", "agent", "--index", "1"}).await_ready().address_of("agent");
  }
  // A client at each, once both are served.
  Client enter_at(const std::string& agent) {
    std::optional<Client> client;
    wait_until([&] {
      try {
        auto ticket = mesh_.ticket();
        if (ticket.agent != agent) {
          crowd_.push_back(enter(ticket));  // so that the other one is the least loaded
          return false;
        }
        client.emplace(enter(ticket));
        return say(*client, "here?").result() == proto::NoError;
      } catch (const std::exception&) {
        return false;
      }
    });
    if (!client) throw std::runtime_error("no way into " + agent);
    return std::move(*client);
  }
  // A login of a guest of that name, for that agent.
  Ticket ticket_at(const std::string& agent, const std::string& name) {
    std::optional<Ticket> got;
    wait_until([&] {
      try {
        auto next = ticket(log_in(mesh_.login_address(), name));
        if (next.agent == agent) {
          got = std::move(next);
          return true;
        }
        crowd_.push_back(mesh_.player());
      } catch (const std::exception&) {
        // an agent that is gone, and login is not told yet
      }
      return false;
    });
    if (!got) throw std::runtime_error("no way into " + agent);
    return *got;
  }
  [[nodiscard]] std::string first() { return mesh_.host("agent").await_ready().address_of("agent"); }
  [[nodiscard]] const std::string& second() const { return other_; }

  Deployment mesh_{Shape::consul};

 private:
  std::string other_;
  std::vector<Client> crowd_;
};

TEST_F(TwoAgents, PlayersOfBothHearEachOther) {
  Client ann = enter_at(first());
  Client bob = enter_at(second());
  const std::string ann_uid = uid_of(ann);
  EXPECT_THAT(who(bob), Contains(ann_uid));
  say(ann, "to all");
  while (hear(bob).content() != "to all") {
  }
  join(ann, "both");
  EXPECT_EQ(join(bob, "both").members(), 2U);
  say(bob, "to the channel", "both");
  EXPECT_EQ(hear(ann, "both").content(), "to the channel");
}

TEST_F(TwoAgents, OneThatDiesTakesItsPlayersOutOfTheDirectory) {
  Client ann = enter_at(first());
  Client bob = enter_at(second());
  const std::string ann_uid = uid_of(ann);
  const std::string bob_uid = uid_of(bob);
  join(ann, "both");
  join(bob, "both");
  EXPECT_EQ(friends(bob, proto::FriendREQ::Add, ann_uid).result(), proto::NoError);
  mesh_.host("agent").kill9();
  EXPECT_EQ(bob.expect<proto::PresenceACK>().uid(), ann_uid);
  EXPECT_TRUE(wait_until([&] { return who(bob, "both").size() == 1; }));
  EXPECT_THAT(who(bob), Contains(bob_uid));
  EXPECT_THAT(who(bob), Not(Contains(ann_uid)));
  EXPECT_EQ(say(bob, "still here", "both").result(), proto::NoError);
}

TEST_F(TwoAgents, NewestOfOneUidWinsWhereverTheOlderIs) {
  Client older = enter(ticket_at(first(), "ann"));
  EXPECT_EQ(uid_of(older), "guest-ann");
  Client newer = enter(ticket_at(second(), "ann"));
  const auto notice = older.expect_close();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->code(), NoticeACK::Replaced);
  EXPECT_EQ(uid_of(newer), "guest-ann");
  const auto all = who(newer);
  EXPECT_EQ(std::count(all.begin(), all.end(), "guest-ann"), 1);
}

TEST_F(TwoAgents, WhoseAgentDiedIsFoundWhereItEnteredAnewAndMissedNothing) {
  const std::string uid = "guest-ann";
  Client bob = enter_at(second());
  Client ann = enter(ticket_at(first(), "ann"));
  EXPECT_EQ(uid_of(ann), uid);
  EXPECT_EQ(tell(bob, uid, "before").result(), proto::NoError);
  EXPECT_EQ(hear(ann, {}, uid).content(), "before");
  mesh_.host("agent").kill9();
  EXPECT_TRUE(wait_until([&] {
    const auto all = who(bob);
    return std::find(all.begin(), all.end(), uid) == all.end();
  }));
  const auto kept = tell(bob, uid, "meanwhile");
  EXPECT_EQ(kept.result(), proto::NoError) << kept.text();
  EXPECT_FALSE(kept.text().empty());
  Client back = enter(ticket_at(second(), "ann"));
  EXPECT_EQ(hear(back, {}, uid).content(), "meanwhile");
  EXPECT_EQ(tell(bob, uid, "found").result(), proto::NoError);
  EXPECT_EQ(hear(back, {}, uid).content(), "found");
}

TEST_F(TwoAgents, SocialThatDiesIsToldAndKnowsAllOfThemWhenItIsBack) {
  Client ann = enter_at(first());
  Client bob = enter_at(second());
  const std::string bob_uid = uid_of(bob);
  join(ann, "both");
  mesh_.host("social").kill9();
  EXPECT_EQ(ann.expect_notice(NoticeACK::BackendLost).service(), "social#0@dev");
  mesh_.host("social").start();
  mesh_.host("social").await_ready();
  mesh_.await_serving();
  EXPECT_TRUE(wait_until([&] {
    const auto all = who(ann);
    return std::find(all.begin(), all.end(), bob_uid) != all.end();
  }));
  EXPECT_EQ(say(ann, "am I in?", "both").result(), proto::NotInChannel) << "who was a member joins anew";
  EXPECT_EQ(join(ann, "both").result(), proto::NoError);
  EXPECT_EQ(join(bob, "both").members(), 2U);
  say(ann, "back", "both");
  EXPECT_EQ(hear(bob, "both").content(), "back");
}

}  // namespace
}  // namespace cm::test
