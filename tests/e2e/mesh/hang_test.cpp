// Hosts that hang: they are up, their connections stand, and nothing is answered.
#include <csignal>
#include <set>

#include "e2e/fixture.hpp"
#include "game.pb.h"

namespace cm::test {
namespace {

// A host that is stopped by a signal, and goes on at the end.
class Hanging {
 public:
  explicit Hanging(Host& host) : host_(host) { host_.process().signal(SIGSTOP); }
  ~Hanging() { host_.process().signal(SIGCONT); }
  Hanging(const Hanging&) = delete;
  Hanging& operator=(const Hanging&) = delete;

 private:
  Host& host_;
};

TEST(Hang, OfAnAgentFailsNoLoginWhileAnotherIsUp) {
  Deployment mesh(Shape::consul);
  Host& second = mesh.add_host("agent2", {"--plugins", "agent", "--index", "1"});
  const std::string address = second.await_ready().address_of("agent");
  std::set<std::string> offered;
  ASSERT_TRUE(wait_until([&] {
    offered.insert(mesh.ticket().agent);
    return offered.size() == 2;
  }));
  {
    const Hanging hanging(mesh.host("agent"));
    for (int i = 0; i < 10; ++i) {
      const auto ticket = ticket_of(log_in(mesh.login_address()));  // throws when it is refused
      EXPECT_EQ(ticket.agent, address);
      Client player = enter(ticket);
      chat(player, "player " + std::to_string(i) + " is in");
    }
  }
  EXPECT_TRUE(wait_until([&] { return mesh.ticket().agent != address; }, seconds(90))) << "it is trusted again";
}

TEST(Hang, OfAGameLetsThoseWhoAreOnTheirWayIntoAnother) {
  Deployment mesh(Shape::consul);
  Host& second = mesh.add_host("game2", {"--plugins", "game", "--index", "1"});
  second.await_ready();
  std::set<std::string> offered;
  ASSERT_TRUE(wait_until([&] {
    offered.insert(mesh.ticket().game);
    return offered.size() == 2;
  }));
  auto ticket = mesh.ticket();
  const auto next = mesh.ticket();
  const Hanging hanging(ticket.game == "game#1@dev" ? second : mesh.host("game"));
  for (const auto& mine : {ticket, next}) {
    Client player = enter(mine);  // throws when it is refused
    player.send(proto::PlayerREQ());
    EXPECT_EQ(player.expect<proto::PlayerACK>().result(), proto::NoError);
  }
  for (int i = 0; i < 5; ++i) {
    Client player = enter(ticket_of(log_in(mesh.login_address())));
    chat(player, "later " + std::to_string(i));
  }
}

}  // namespace
}  // namespace cm::test
