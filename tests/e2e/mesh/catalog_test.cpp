// Hosts and services that come and go, as Consul and players see it.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "support/deployment.hpp"

namespace cm::test {
namespace {

// The ids of the healthy services of a kind in Consul's catalog.
std::vector<std::string> healthy(ConsulServer& consul, const std::string& kind) {
  std::vector<std::string> ids;
  const auto rows = boost::json::parse(consul.get("/v1/health/service/" + kind + "?passing"));
  for (const auto& row : rows.as_array()) {
    ids.emplace_back(row.at("Service").at("ID").as_string());
  }
  return ids;
}

using Ids = std::vector<std::string>;

TEST(Catalog, ListsEveryServiceWithHealthAndPlace) {
  Deployment mesh(Shape::consul);
  for (const std::string kind : {"agent", "login", "game", "hub", "echo", "social"}) {
    EXPECT_TRUE(wait_until([&] { return healthy(mesh.consul(), kind) == Ids{kind + "#0@dev"}; })) << kind;
  }
  const auto rows = boost::json::parse(mesh.consul().get("/v1/catalog/service/agent"));
  const auto& row = rows.as_array().at(0);
  EXPECT_EQ(row.at("ServiceMeta").at("group").as_string(), "dev");
  EXPECT_EQ(row.at("ServiceMeta").at("index").as_string(), "0");
  // Of six hosts, each carries one service and none was given a port.
  for (Host* host : mesh.hosts()) EXPECT_EQ(host->query({"plugins"}).as_array().size(), 1U);
}

TEST(Catalog, StoppedHostIsDeregisteredAndItsPlayersAreTold) {
  Deployment mesh(Shape::consul);
  Client client = mesh.player();
  EXPECT_EQ(mesh.host("agent").stop(), 0);
  const auto notice = client.expect_close();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->code(), proto::NoticeACK::GoingDown);
  EXPECT_TRUE(healthy(mesh.consul(), "agent").empty());
  EXPECT_TRUE(wait_until([&] { return log_in(mesh.login_address()).result() == proto::AgentNotFound; }));
  mesh.host("agent").start();
  mesh.host("agent").await_ready();
  mesh.await_serving();
}

TEST(Catalog, SecondHostWithTheSameIdWaitsAndHarmsNobody) {
  Deployment mesh(Shape::consul);
  Client client = mesh.player();
  Host& twin = mesh.add_host("twin", {"--plugins", "game", "--name", "twin"});
  EXPECT_TRUE(twin.wait_for_log("plugin game is refused: game#0@dev")) << twin.log();
  EXPECT_NE(twin.log().find("--index"), std::string::npos) << "the cure:\n" << twin.log();
  EXPECT_FALSE(twin.ready());
  chat(client, "the first one goes on");
  EXPECT_EQ(healthy(mesh.consul(), "game"), Ids{"game#0@dev"});
}

TEST(Catalog, HostOfAnotherMeshIsNotLinked) {
  Deployment mesh(Shape::consul);
  Host& foreign = mesh.add_host("foreign", {"--mesh", "other", "--plugins", "echo,game", "--index", "5"});
  foreign.await_ready();
  ASSERT_TRUE(wait_until([&] { return healthy(mesh.consul(), "echo").size() == 2; }));
  mesh.await_serving();
  for (Host* host : mesh.hosts()) {
    if (host == &foreign) continue;
    EXPECT_EQ(boost::json::serialize(host->query({"services"})).find("#5@dev"), std::string::npos);
  }
  EXPECT_TRUE(foreign.query({"links"}).as_array().empty());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(mesh.ticket().game, "game#0@dev");
}

TEST(Catalog, HostWaitsForConsulAndSaysSo) {
  ConsulServer consul;
  consul.kill9();
  TempDir folder;
  Host host({.folder = folder.path(), .arguments = {"--consul", consul.url(), "--plugins", "echo"}, .env = {}});
  EXPECT_TRUE(host.wait_for_log(consul.url())) << host.log();
  EXPECT_FALSE(host.ready());
  consul.start();
  host.await_ready();
  EXPECT_TRUE(wait_until([&] { return healthy(consul, "echo") == Ids{"echo#0@dev"}; }));
  EXPECT_EQ(host.stop(), 0);
}

TEST(Catalog, LoginOffersTheAgentWithFewestPlayers) {
  Deployment mesh(Shape::consul);
  const std::string first = mesh.ticket().agent;
  std::vector<Client> players;
  while (players.size() < 5) players.push_back(mesh.player());
  Host& second = mesh.add_host("agent2", {"--plugins", "agent", "--index", "1"});
  const std::string address = second.await_ready().address_of("agent");
  ASSERT_NE(address, first);
  ASSERT_TRUE(wait_until([&] {  // until both loads have been told around
    std::multiset<std::int64_t> users;
    const auto agents = mesh.host("login").query({"services", "agent"});
    for (const auto& agent : agents.as_array()) {
      const auto* known = agent.as_object().if_contains("users");
      if (known != nullptr && known->is_number()) users.insert(known->to_number<std::int64_t>());
    }
    return users == std::multiset<std::int64_t>{0, 5};
  }));
  for (int i = 0; i < 5; ++i) {
    const auto ticket = mesh.ticket();
    EXPECT_EQ(ticket.agent, address);
    if (i < 3) players.push_back(enter(ticket));
  }
  // One chat over both agents.
  players.front().send(chat_req("to everybody"));
  for (auto& player : players) expect_chat(player, "to everybody");
}

}  // namespace
}  // namespace cm::test
