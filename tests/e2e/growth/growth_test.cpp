// Players who buy levels through a real gateway: what they are told is what is stored, once.
#include <gmock/gmock.h>

#include <atomic>
#include <deque>
#include <optional>
#include <vector>

#include "e2e/fixture.hpp"
#include "e2e/growth/buyer.hpp"

namespace cm::test {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

const std::vector<std::string> kThree{"r1", "r2", "r3"};

struct Player {
  Client client;
  std::string uid;
};
// A player of this name, at that game if one is named, by the transport of the login.
Player come_in(const std::string& login_url, const std::string& name, const std::string& game = {}) {
  std::optional<Player> player;
  std::vector<Client> crowd;  // so that another game has less to do
  wait_until([&] {
    try {
      const auto login = log_in(login_url, name);
      if (game.empty() || login.game_svc_id() == game) {
        player.emplace(Player{enter(ticket_of(login, transport_of(login_url))), login.uid()});
      } else {
        crowd.push_back(enter(login_url));
      }
    } catch (const std::exception&) {
      return false;
    }
    return player.has_value();
  });
  if (!player) throw std::runtime_error(name + " cannot come in");
  return std::move(*player);
}

proto::LevelUpREQ level_up_req(const std::string& request_id) {
  proto::LevelUpREQ req;
  req.set_request_id(request_id);
  return req;
}

// That the three bring.
std::vector<std::uint32_t> levels_of(Client& client) {
  std::vector<std::uint32_t> levels;
  for (const auto& id : kThree) {
    std::optional<proto::LevelUpACK> ack;
    wait_until([&] { return (ack = try_to_buy(client, id)).has_value(); });
    levels.push_back(ack ? ack->level() : 0);
  }
  return levels;
}

class Growth : public OnEveryWay {
 protected:
  Buyer buyer() { return Buyer(login_url(), fresh("buyer")); }
  [[nodiscard]] proto::PlayerData stored(const std::string& uid) {
    auto row = stored_in_sqlite(mesh().folder() / "data.db", uid);
    EXPECT_EQ(row.coins(), row.granted() - row.spent());
    return row;
  }
};
CM_ON_EVERY_WAY(Growth);

TEST_P(Growth, UntilTheCoinsRunOut) {
  Buyer ann = buyer();
  while (ann.buy_next()) {
  }
  EXPECT_EQ(ann.paid(), 3U);
  const auto refused = ann.buy("once more");
  EXPECT_EQ(refused.result(), proto::NotEnoughCoins);
  EXPECT_THAT(refused.text(), HasSubstr("level 5 costs 800 coins, and you have "));
  const auto row = stored(ann.uid());
  EXPECT_EQ(row.level(), 4U);
  EXPECT_EQ(row.spent(), 700U);
  EXPECT_EQ(row.coins(), refused.coins());
}

TEST_P(Growth, TheSameRequestAfterANewLoginBringsTheSameAnswer) {
  Buyer ann = buyer();
  const auto first = ann.buy("r1");
  EXPECT_EQ(first.result(), proto::NoError);
  ann.disconnect();
  EXPECT_EQ(ann.buy("r1").SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(ann.entered(), 2);
  EXPECT_EQ(stored(ann.uid()).level(), 2U);
}

TEST_P(Growth, TheSameRequestsOnTwoConnectionsArePaidOnce) {
  const std::string name = fresh("two-of-one");
  Client first = come_in(login_url(), name).client;
  for (const auto& id : kThree) first.send(level_up_req(id));
  auto second = come_in(login_url(), name);
  EXPECT_THAT(levels_of(second.client), UnorderedElementsAre(2, 3, 4));
  EXPECT_EQ(stored(second.uid).level(), 4U);
}

class GrowthOfAll : public Growth {};
CM_ON_DEPLOYMENTS(GrowthOfAll);

TEST_P(GrowthOfAll, ReloadsOfGameAndDataLoseNothing) {
  std::deque<Buyer> buyers;
  std::atomic<bool> over = false;
  {
    std::vector<std::jthread> threads;
    for (const std::string transport : kTransports) {
      buyers.emplace_back(mesh().url("login", transport), fresh("buyer"));
      threads.emplace_back([&over, &one = buyers.back()] {
        try {
          while (one.paid() < 3) one.buy_next();
          while (!over) one.buy("r3");  // is answered, and not paid, again
        } catch (const std::exception& e) {
          ADD_FAILURE() << e.what();
        }
      });
    }
    for (int i = 0; i < 3; ++i) {
      for (const std::string kind : {"game", "data"}) {
        EXPECT_EQ(mesh().host(kind).ctl({"reload", kind}).code, 0) << kind;
      }
    }
    over = true;
  }
  for (const Buyer& one : buyers) {
    EXPECT_EQ(one.entered(), 1) << "nobody was thrown out";
    EXPECT_EQ(stored(one.uid()).spent(), 700U);
  }
}

// Who verifies and hangs up before the answer is in no game: it would earn for as long as the game runs.
TEST(GrowthOfNobody, WhoHangsUpWhileEnteringIsNotInTheGame) {
  for (const Shape shape : {Shape::embedded, Shape::consul}) {
    Deployment mesh(shape);
    const auto users = [&] {
      std::int64_t all = -1;
      const auto games = mesh.host("agent").query({"services", "game"});
      for (const auto& game : games.as_array()) {
        const auto* known = game.as_object().if_contains("users");
        if (known != nullptr && known->is_number()) all = known->to_number<std::int64_t>();
      }
      return all;
    };
    for (int i = 0; i < 20; ++i) {
      const auto ticket = ticket_of(log_in(mesh.login_address(), "ghost" + std::to_string(i)));
      Client client(ticket.agent);
      client.send(verify_req(ticket));
    }
    const auto has_a_row = [&](int i) {
      try {
        return stored_in_sqlite(mesh.folder() / "data.db", "guest-ghost" + std::to_string(i)).level() == 1;
      } catch (const std::exception&) {
        return false;
      }
    };
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(wait_until([&] { return has_a_row(i); })) << i << " never entered";
    const Client stays = mesh.player();
    EXPECT_TRUE(wait_until([&] { return users() == 1; })) << users() << " are in the game";
  }
}

// A player is at one of them, then at the other, and asks both for the same.
TEST(GrowthInTwoGames, TheSameRequestsArePaidOnce) {
  Deployment mesh(Shape::consul);
  mesh.add_host("game2", {"--plugins", "game", "--index", "1"}).await_ready();
  Client first = come_in(mesh.login_address(), "ann", "game#0@dev").client;
  for (const auto& id : kThree) first.send(level_up_req(id));
  auto second = come_in(mesh.login_address(), "ann", "game#1@dev");
  EXPECT_THAT(levels_of(second.client), UnorderedElementsAre(2, 3, 4));
  const auto row = stored_in_sqlite(mesh.folder() / "data.db", second.uid);
  EXPECT_EQ(row.level(), 4U);
  EXPECT_EQ(row.spent(), 700U);
  EXPECT_EQ(row.coins(), row.granted() - row.spent());
}

}  // namespace
}  // namespace cm::test
