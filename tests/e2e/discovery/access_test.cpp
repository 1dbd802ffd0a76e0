// What a token of Consul's allows, and what a host makes of it.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "discovery/consul_lookup.hpp"
#include "discovery/consul_rights.hpp"
#include "e2e/discovery/fixture.hpp"
#include "support/captured_log.hpp"
#include "support/certificate.hpp"
#include "support/consul.hpp"
#include "support/temp_dir.hpp"

namespace cm::discovery {
namespace {

using test::ConsulServer;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

AccessRole game_role() {
  AccessRole role;
  role.host = "h1";
  role.plugins = {"game"};
  role.provides = {"game"};
  role.needs = {"hub", "data"};
  return role;
}

std::string rules_without(const std::string& resource, const std::string& name) {
  auto rights = consul_rights(game_role());
  std::erase_if(rights, [&](const ConsulRight& right) { return right.resource == resource && right.name == name; });
  return consul_policy(rights);
}

class AccessTest : public testing::Test {
 protected:
  static ConsulConfig with(const ConsulServer& consul, const std::string& token) {
    auto config = patient(consul.url());
    config.token = token;
    return config;
  }

  static void SetUpTestSuite() { consul_ = new ConsulServer(ConsulServer::Options{.acl = true}); }
  static void TearDownTestSuite() {
    delete consul_;
    consul_ = nullptr;
  }
  static inline ConsulServer* consul_ = nullptr;
};

TEST_F(AccessTest, RoleWithItsPolicyHasNoProblem) {
  const auto token = consul_->make_token("exact", consul_policy(consul_rights(game_role())));
  test::CapturedLog log(base::Room::discovery);
  Node host(with(*consul_, token.secret), game_role());
  host.watch({"game", "hub", "data"});
  host.watch_kv("cellmesh/config/");
  host.discovery->register_service(service("game", 0));
  EXPECT_TRUE(host.sees({service("game", 0)}));
  EXPECT_TRUE(host.put("cellmesh/config/game/a", "1"));
  EXPECT_TRUE(host.sees_value("cellmesh/config/game/a", "1"));
  (void)test::stays_true([] { return true; }, 1s);
  EXPECT_TRUE(host.is_well(0));
  EXPECT_THAT(host.problems.all(), Each(IsEmpty()));
  EXPECT_EQ(log.count("token"), 0U);
}

TEST_F(AccessTest, MissingNodeReadIsNamedAndHealsWithThePolicy) {
  const auto token = consul_->make_token("no-node", rules_without("node", ""));
  Node host(with(*consul_, token.secret), game_role());
  host.discovery->register_service(service("game", 1));
  EXPECT_TRUE(host.says("node_prefix \"\" read"));
  EXPECT_TRUE(host.says("acl-policy --plugins game --name h1"));
  const auto before = host.problems.size();
  consul_->change_rules("no-node", consul_policy(consul_rights(game_role())));
  EXPECT_TRUE(host.is_well(before - 1));
}

TEST_F(AccessTest, EachMissingRightIsNamed) {
  int index = 10;
  for (const auto& [resource, name, text] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"service", "hub", "service \"hub\" read"},
           {"service", "game", "service \"game\" write"},
           {"key", "cellmesh/config/game/", "key_prefix \"cellmesh/config/game/\" read"},
           {"key", "cellmesh/routes/", "key_prefix \"cellmesh/routes/\" read"},
           {"key", "cellmesh/shared/", "key_prefix \"cellmesh/shared/\" read"}}) {
    const auto token = consul_->make_token("part" + std::to_string(index), rules_without(resource, name));
    Node host(with(*consul_, token.secret), game_role());
    host.discovery->register_service(service("game", static_cast<std::uint32_t>(index++)));
    EXPECT_TRUE(host.says(text)) << text;
  }
}

TEST_F(AccessTest, TokenThatIsDeletedIsSaidAndItsFilesNextOneIsTaken) {
  const test::TempDir folder;
  const std::string rules = consul_policy(consul_rights(game_role()));
  const auto first = consul_->make_token("first", rules);
  const auto second = consul_->make_token("second", rules);
  test::write_file(folder / "token", first.secret + "\n");
  auto config = patient(consul_->url());
  config.token_file = folder / "token";
  Node host(config, game_role());
  host.discovery->register_service(service("game", 2));
  host.watch({"game"});
  ASSERT_TRUE(host.services.wait_for([](const auto& all) {
    return std::any_of(all.begin(), all.end(), [](const auto& r) { return r.id == "game#2@dev"; });
  }));
  consul_->delete_token(first);
  EXPECT_TRUE(host.says("ACL not found"));
  const auto before = host.problems.size();
  test::write_file(folder / "token", second.secret);
  EXPECT_TRUE(host.is_well(before));
  // What is registered is so by the new token.
  EXPECT_TRUE(eventually([&] { return host.discovery->state().registered == 1; }));
  EXPECT_TRUE(host.put("cellmesh/config/game/b", "1"));
}

TEST_F(AccessTest, TokenFileThatComesLaterIsWaitedFor) {
  const test::TempDir folder;
  test::CapturedLog log(base::Room::discovery);
  auto config = patient(consul_->url());
  config.token_file = folder / "token";
  Node host(config, game_role());
  EXPECT_TRUE(host.says((folder / "token").string()));
  test::write_file(folder / "token", consul_->make_token("late", consul_policy(consul_rights(game_role()))).secret);
  EXPECT_TRUE(host.ready.wait_for_any());
  EXPECT_TRUE(host.is_well(0));
}

TEST_F(AccessTest, TokenFileThatBreaksLeavesTheLastTokenInUse) {
  const test::TempDir folder;
  test::CapturedLog log(base::Room::discovery);
  test::write_file(folder / "token", consul_->make_token("kept", consul_policy(consul_rights(game_role()))).secret);
  auto config = quick(consul_->url());
  config.token_file = folder / "token";
  Node host(config, game_role());
  ASSERT_TRUE(host.ready.wait_for_any());
  test::write_file(folder / "token", "");
  EXPECT_TRUE(log.wait_for("is empty; write the token there; the last one stays in use"));
  EXPECT_TRUE(host.put("cellmesh/config/game/c", "1"));
}

// Consul leaves out what a token may not read: that is no deletion.
TEST_F(AccessTest, KeysThatATokenMayNotReadAnyMoreAreNotTakenForDeleted) {
  const auto token = consul_->make_token("shrinks", consul_policy(consul_rights(game_role())));
  Node host(with(*consul_, token.secret), game_role());
  host.watch_kv("cellmesh/config/game/");
  ASSERT_TRUE(host.ready.wait_for_any());
  ASSERT_TRUE(host.put("cellmesh/config/game/kept", "1"));
  ASSERT_TRUE(host.sees_value("cellmesh/config/game/kept", "1"));
  consul_->change_rules("shrinks", rules_without("key", "cellmesh/config/game/"));
  // Wakes the watch, which asks again by the new rules.
  for (const char* value : {"1", "2", "3"}) {
    std::this_thread::sleep_for(1s);
    consul_->kv_put("cellmesh/routes/other", value);
  }
  EXPECT_TRUE(host.says("key_prefix \"cellmesh/config/game/\" read"));
  EXPECT_TRUE(host.kv.all().back().map.contains("cellmesh/config/game/kept"));
  consul_->change_rules("shrinks", consul_policy(consul_rights(game_role())));
  EXPECT_TRUE(host.is_well(1));
  const auto before = host.kv.size();
  consul_->kv_delete("cellmesh/config/game/kept");
  EXPECT_TRUE(
      host.kv.wait_for([](const Node::Kv& kv) { return !kv.map.contains("cellmesh/config/game/kept"); }, before));
}

TEST_F(AccessTest, AnotherDatacenterIsSaid) {
  auto config = with(*consul_, ConsulServer::kMaster);
  config.datacenter = "dc9";
  test::CapturedLog log(base::Room::discovery);
  Node host(config, game_role());
  EXPECT_TRUE(log.wait_for("the datacenter must be one that this Consul knows"));
  config.datacenter = "dc1";
  Node right(config, game_role());
  EXPECT_TRUE(right.ready.wait_for_any());
}

// Established connections of this process to a port.
std::size_t connections_to(std::uint16_t port) {
  std::set<std::string> own;
  for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ec;
    const std::string target = std::filesystem::read_symlink(fd, ec).string();
    if (target.starts_with("socket:[")) own.insert(target.substr(8, target.size() - 9));
  }
  std::array<char, 16> peer{};
  std::snprintf(peer.data(), peer.size(), "0100007F:%04X", port);
  std::ifstream table("/proc/self/net/tcp");
  std::string line;
  std::size_t count = 0;
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
    if (all.size() > 9 && all[2] == peer.data() && all[3] == "01" && own.contains(all[9])) ++count;
  }
  return count;
}

TEST(ConnectionsTest, HostHoldsAtMostThreeWhateverItWatches) {
  ConsulServer consul;
  Node node(patient(consul.url()));
  std::vector<std::string> kinds;
  for (int i = 0; i < 20; ++i) kinds.push_back("kind" + std::to_string(i));
  node.watch(kinds);
  for (int i = 0; i < 20; ++i) {
    node.discovery->watch_kv("cellmesh/config/p" + std::to_string(i) + "/", [](const KvMap&, bool) {});
    node.discovery->register_service(service("kind0", static_cast<std::uint32_t>(i)));
  }
  std::size_t most = 0;
  ASSERT_TRUE(eventually([&] {
    most = std::max(most, connections_to(consul.port()));
    const auto told = node.services.all();
    return !told.empty() && told.back().size() == 20;
  }));
  (void)test::stays_true([&] { return (most = std::max(most, connections_to(consul.port()))) <= 3; }, 5s);
  EXPECT_LE(most, 3U);
  // With nothing to do it keeps one.
  EXPECT_TRUE(eventually([&] { return connections_to(consul.port()) == 1; }));
}

int open_connection(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// As many as there are on one machine.
TEST(ConnectionsTest, HostsOnOneMachineDoNotShareConsulsLimit) {
  test::CapturedLog log(base::Room::discovery);
  ConsulServer consul(ConsulServer::Options{.more = R"({"limits":{"http_max_conns_per_client":12}})"});
  std::vector<std::unique_ptr<Node>> nodes;
  for (std::uint32_t i = 0; i < 30; ++i) {
    nodes.push_back(std::make_unique<Node>(patient(consul.url())));
    nodes.back()->watch({"game"});
    nodes.back()->discovery->register_service(service("game", i));
  }
  for (const auto& node : nodes) EXPECT_TRUE(node->services.wait_for([](const auto& all) { return all.size() == 30; }));
  EXPECT_EQ(log.count("refuses connections"), 0U);
}

TEST(ConnectionsTest, LimitOfConsulIsNamedOnceAndGotOver) {
  test::CapturedLog log(base::Room::discovery);
  ConsulServer consul(ConsulServer::Options{.more = R"({"limits":{"http_max_conns_per_client":12}})"});
  // By this name it shares the address that others come from.
  Node node(patient("http://localhost:" + std::to_string(consul.port())));
  node.watch({"game"});
  ASSERT_TRUE(node.ready.wait_for_any());
  std::vector<int> others;
  for (int i = 0; i < 11; ++i) others.push_back(open_connection(consul.port()));
  node.discovery->register_service(service("game", 0));
  std::this_thread::sleep_for(1s);
  for (const int fd : others) ::close(fd);
  EXPECT_TRUE(node.sees({service("game", 0)}));
  EXPECT_TRUE(log.wait_for("limits.http_max_conns_per_client"));
  EXPECT_EQ(log.count("refuses connections"), 1U);
}

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    test::make_certificate(folder_ / "ca", {.name = "ca", .is_ca = true});
    test::make_certificate(folder_ / "server", {.ca = folder_ / "ca"});
    test::make_certificate(folder_ / "client", {.name = "host", .ca = folder_ / "ca"});
    std::filesystem::copy_file(folder_ / "ca" / "cert.pem", folder_ / "server" / "ca.pem");
    consul_ = std::make_unique<ConsulServer>(ConsulServer::Options{.tls = folder_ / "server"});
    config_ = patient(consul_->url());
    config_.ca_file = folder_ / "ca" / "cert.pem";
  }
  void with_client() {
    config_.cert_file = folder_ / "client" / "cert.pem";
    config_.key_file = folder_ / "client" / "key.pem";
  }

  const test::TempDir folder_;
  std::unique_ptr<ConsulServer> consul_;
  ConsulConfig config_;
};

TEST_F(TlsTest, ClientCertificateLetsInByOneConnection) {
  with_client();
  Node node(config_);
  node.watch({"game"});
  node.discovery->register_service(service("game", 0));
  EXPECT_TRUE(node.sees({service("game", 0)}));
  EXPECT_TRUE(node.put("cellmesh/config/a/b", "1"));
  EXPECT_TRUE(eventually([&] { return connections_to(consul_->port()) == 1; }));
  EXPECT_TRUE(consul_lookup(config_, "game"));
}

TEST_F(TlsTest, MissingOrForeignCertificateIsSaidWithTheRemedy) {
  test::CapturedLog log(base::Room::discovery);
  {
    Node node(config_);
    EXPECT_TRUE(log.wait_for("the server wants a client certificate"));
  }
  test::make_certificate(folder_ / "client", {.name = "stranger"});
  with_client();
  {
    Node node(config_);
    EXPECT_TRUE(log.wait_for("does not take the client certificate " + config_.cert_file));
    // The right one takes its place while it waits.
    test::make_certificate(folder_ / "client", {.name = "host", .ca = folder_ / "ca"});
    EXPECT_TRUE(node.ready.wait_for_any());
  }
  test::write_file(config_.key_file, "no key");
  {
    Node node(config_);
    EXPECT_TRUE(log.wait_for("must be PEM files that belong together"));
  }
  config_.ca_file = config_.cert_file;
  test::make_certificate(folder_ / "client", {.name = "host", .ca = folder_ / "ca"});
  EXPECT_THAT(consul_lookup(config_, "game").error().text, HasSubstr("signed by a CA of " + config_.ca_file));
}

}  // namespace
}  // namespace cm::discovery
