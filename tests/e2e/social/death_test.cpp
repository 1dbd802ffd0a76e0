// Two agents, and services that are killed without a word.
#include <gmock/gmock.h>

#include <algorithm>
#include <optional>

#include "e2e/fixture.hpp"
#include "e2e/social/talk.hpp"

namespace cm::test {
namespace {

using proto::NoticeACK;
using testing::Contains;
using testing::Not;

// Players of the first agent come by WSS, those of the second by TLS. One mesh serves all tests: each begins with what
// the one before killed.
class TwoAgents : public testing::Test {
 public:
  static void TearDownTestSuite() { delete std::exchange(running_, nullptr); }

 protected:
  void SetUp() override {
    if (running_ == nullptr) {
      running_ = new Deployment(Shape::consul, with_every_transport());
      running_->add_host("agent2", {"--plugins", "agent", "--index", "1"}).await_ready();
    }
    for (const char* kind : {"agent", "social"}) {
      if (mesh().host(kind).process().running()) continue;
      mesh().host(kind).start();
      mesh().host(kind).await_ready();
    }
    await_both();
  }
  void TearDown() override {
    if (!HasFailure() || running_ == nullptr) return;
    for (Host* host : mesh().hosts()) std::cerr << "--- a host's log\n" << tail(host->log(), 1500) << '\n';
  }

  [[nodiscard]] Deployment& mesh() { return *running_; }
  [[nodiscard]] std::string first() { return mesh().host("agent").await_ready().address_of("agent"); }
  [[nodiscard]] std::string second() { return mesh().host("agent2").await_ready().address_of("agent"); }

  // A login, of a guest of that name if there is one, for that agent.
  Ticket ticket_at(const std::string& agent, const std::string& name = {}) {
    std::optional<Ticket> got;
    wait_until([&] {
      try {
        const auto login = log_in(mesh().login_address(), name);
        if (ticket_of(login).agent == agent) {
          got = ticket_of(login, agent == first() ? "wss" : "tls");
          return true;
        }
        crowd_.push_back(mesh().player());  // so that the other one is the least loaded
      } catch (const std::exception&) {
        // an agent that is gone, and login is not told yet
      }
      return false;
    });
    if (!got) throw std::runtime_error("no way into " + agent);
    return *got;
  }
  // A client at each, once both are served.
  Client enter_at(const std::string& agent) {
    std::optional<Client> client;
    wait_until([&] {
      try {
        client.emplace(enter(ticket_at(agent)));
        return say(*client, "here?").result() == proto::NoError;
      } catch (const std::exception&) {
        client.reset();
        return false;
      }
    });
    if (!client) throw std::runtime_error("no way into " + agent);
    return std::move(*client);
  }
  // Each agent hears of a service that comes by itself.
  void await_both() {
    for (const auto& agent : {first(), second()}) (void)enter_at(agent);
  }

 private:
  static Deployment* running_;
  std::vector<Client> crowd_;
};
Deployment* TwoAgents::running_ = nullptr;

TEST_F(TwoAgents, PlayersOfBothHearEachOther) {
  Client ann = enter_at(first());
  Client bob = enter_at(second());
  const std::string both = fresh("both");
  const std::string ann_uid = uid_of(ann);
  EXPECT_THAT(who(bob), Contains(ann_uid));
  say(ann, "to all");
  while (hear(bob).content() != "to all") {
  }
  join(ann, both);
  EXPECT_EQ(join(bob, both).members(), 2U);
  say(bob, "to the channel", both);
  EXPECT_EQ(hear(ann, both).content(), "to the channel");
}

TEST_F(TwoAgents, OneThatDiesTakesItsPlayersOutOfTheDirectory) {
  Client ann = enter_at(first());
  Client bob = enter_at(second());
  const std::string both = fresh("both");
  const std::string ann_uid = uid_of(ann);
  const std::string bob_uid = uid_of(bob);
  join(ann, both);
  join(bob, both);
  EXPECT_EQ(friends(bob, proto::FriendREQ::Add, ann_uid).result(), proto::NoError);
  mesh().host("agent").kill9();
  EXPECT_EQ(bob.expect<proto::PresenceACK>().uid(), ann_uid);
  EXPECT_TRUE(wait_until([&] { return who(bob, both).size() == 1; }));
  EXPECT_THAT(who(bob), Contains(bob_uid));
  EXPECT_THAT(who(bob), Not(Contains(ann_uid)));
  EXPECT_EQ(say(bob, "still here", both).result(), proto::NoError);
}

TEST_F(TwoAgents, NewestOfOneUidWinsWhereverTheOlderIs) {
  const std::string name = fresh("ann");
  const std::string uid = "guest-" + name;
  Client older = enter(ticket_at(first(), name));
  EXPECT_EQ(uid_of(older), uid);
  Client newer = enter(ticket_at(second(), name));
  expect_end(older, NoticeACK::Replaced);
  EXPECT_EQ(uid_of(newer), uid);
  const auto all = who(newer);
  EXPECT_EQ(std::count(all.begin(), all.end(), uid), 1);
}

TEST_F(TwoAgents, WhoseAgentDiedIsFoundWhereItEnteredAnewAndMissedNothing) {
  const std::string name = fresh("ann");
  const std::string uid = "guest-" + name;
  Client bob = enter_at(second());
  Client ann = enter(ticket_at(first(), name));
  EXPECT_EQ(uid_of(ann), uid);
  EXPECT_EQ(tell(bob, uid, "before").result(), proto::NoError);
  EXPECT_EQ(hear(ann, {}, uid).content(), "before");
  mesh().host("agent").kill9();
  EXPECT_TRUE(wait_until([&] {
    const auto all = who(bob);
    return std::find(all.begin(), all.end(), uid) == all.end();
  }));
  const auto kept = tell(bob, uid, "meanwhile");
  EXPECT_EQ(kept.result(), proto::NoError) << kept.text();
  EXPECT_FALSE(kept.text().empty());
  Client back = enter(ticket_at(second(), name));
  EXPECT_EQ(hear(back, {}, uid).content(), "meanwhile");
  EXPECT_EQ(tell(bob, uid, "found").result(), proto::NoError);
  EXPECT_EQ(hear(back, {}, uid).content(), "found");
}

TEST_F(TwoAgents, SocialThatDiesIsToldAndKnowsAllOfThemWhenItIsBack) {
  Client ann = enter_at(first());
  Client bob = enter_at(second());
  const std::string both = fresh("both");
  const std::string bob_uid = uid_of(bob);
  join(ann, both);
  mesh().host("social").kill9();
  EXPECT_EQ(ann.expect_notice(NoticeACK::BackendLost).service(), "social#0@dev");
  mesh().host("social").start();
  mesh().host("social").await_ready();
  await_both();
  EXPECT_TRUE(wait_until([&] {
    const auto all = who(ann);
    return std::find(all.begin(), all.end(), bob_uid) != all.end();
  }));
  EXPECT_EQ(say(ann, "am I in?", both).result(), proto::NoError) << "who was a member is one still";
  EXPECT_EQ(join(bob, both).members(), 2U);
  say(ann, "back", both);
  EXPECT_EQ(hear(bob, both).content(), "back");
}

}  // namespace
}  // namespace cm::test
