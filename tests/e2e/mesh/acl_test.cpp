// A mesh whose Consul denies by default: each host has a token of the policy that `cellmesh acl-policy` prints for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/deployment.hpp"
#include "support/wait.hpp"

namespace cm::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Acl : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    Deployment::Options options;
    options.acl = true;
    mesh_ = new Deployment(Shape::consul, std::move(options));
  }
  static void TearDownTestSuite() {
    delete mesh_;
    mesh_ = nullptr;
  }
  static inline Deployment* mesh_ = nullptr;  // serves players: who logs in chats, and is answered
};

TEST_F(Acl, MeshDoesAllItsWorkUnderThePrintedPolicies) {
  ConsulServer& consul = mesh_->consul();
  // Defaults and routes are written, keys of tokens shared, services announced.
  for (const char* key : {"cellmesh/config/game/prices", "cellmesh/config/host/log", "cellmesh/config/agent/transports",
                          "cellmesh/routes/echo", "cellmesh/services/game"}) {
    EXPECT_TRUE(wait_until([&] { return consul.kv_get(key).has_value(); })) << key;
  }
  EXPECT_THAT(consul.get("/v1/kv/cellmesh/shared/?keys"), HasSubstr("token_keys/"));
  // A setting is changed through a host, and by hand.
  mesh_->set("game/prices", "7, 8");
  EXPECT_EQ(consul.kv_get("cellmesh/config/game/prices"), "7, 8");
  consul.kv_put("cellmesh/config/game/prices", "9");
  EXPECT_TRUE(wait_until([&] {
    return mesh_->host("game").query({"settings", "get", "game/prices"}).as_array().at(0).at("value") == "9";
  }));
  for (Host* host : mesh_->hosts()) EXPECT_THAT(host->log(), Not(HasSubstr("token for Consul"))) << tail(host->log());
}

TEST_F(Acl, HostThatTheKvGivesItsPluginsNeedsItsNameInThePolicy) {
  auto& host = mesh_->add_host("listed", {"--name", "listed", "--index", "7"});
  // Its token is of nobody.
  EXPECT_TRUE(host.wait_for_log("cannot work with Consul") || host.wait_for_log("Consul answered 403"));
  host.stop();
  const auto token = mesh_->token_for({"--plugins", "echo", "--name", "listed2"});
  Host good({.folder = mesh_->folder() / "listed2",
             .arguments = {"--consul", mesh_->consul().url(), "--name", "listed2", "--index", "7"},
             .env = {{"CELLMESH_CONSUL_TOKEN", token}}});
  EXPECT_TRUE(good.wait_for_log("no plugins are named for this host yet"));
  mesh_->consul().kv_put("cellmesh/hosts/listed2/plugins", "echo");
  EXPECT_TRUE(good.wait_for_log("registered in Consul service=echo#7@dev"));
  good.await_ready();
}

TEST_F(Acl, TokenOfARoleIsRefusedWhatItIsNotFor) {
  const ConsulServer& consul = mesh_->consul();
  const auto game = mesh_->token_for({"--plugins", "game"});
  const auto may = [&](const char* method, const char* path, const char* body = "x") {
    return consul.request_as(game, method, path, body).status;
  };
  EXPECT_EQ(may("PUT", "/v1/kv/cellmesh/config/game/x"), 200);
  EXPECT_EQ(may("PUT", "/v1/agent/service/register", R"({"Name":"game","ID":"game#9@dev"})"), 200);
  EXPECT_EQ(may("PUT", "/v1/agent/service/deregister/game%239%40dev", ""), 200);
  // It cannot sign tokens, read the database's address, pose as another kind, or send its players elsewhere.
  EXPECT_EQ(may("PUT", "/v1/kv/cellmesh/shared/token_keys/evil"), 403);
  EXPECT_EQ(may("GET", "/v1/kv/cellmesh/config/data/database", ""), 403);
  EXPECT_EQ(may("PUT", "/v1/kv/cellmesh/config/login/allow_guests", "true"), 403);
  EXPECT_EQ(may("PUT", "/v1/agent/service/register", R"({"Name":"agent","ID":"agent#9@dev"})"), 403);
  EXPECT_EQ(may("PUT", "/v1/agent/service/deregister/agent%230%40dev", ""), 403);
  EXPECT_EQ(may("PUT", "/v1/kv/cellmesh/routes/agent"), 403);
  EXPECT_EQ(may("PUT", "/v1/kv/cellmesh/services/agent"), 403);
  EXPECT_EQ(may("PUT", "/v1/kv/cellmesh/hosts/0@dev/plugins"), 403);
  EXPECT_EQ(may("GET", "/v1/acl/tokens", ""), 403);
}

TEST_F(Acl, HostWithAnotherRolesTokenSaysWhatItLacks) {
  Host wrong({.folder = mesh_->folder() / "wrong",
              .arguments = {"--consul", mesh_->consul().url(), "--plugins", "echo", "--index", "8"},
              .env = {{"CELLMESH_CONSUL_TOKEN", mesh_->token_for({"--plugins", "game"})}}});
  EXPECT_TRUE(wrong.wait_for_log("service \"echo\" write"));
  EXPECT_TRUE(wrong.wait_for_log("acl-policy --plugins echo"));
  EXPECT_FALSE(wrong.ready());
}

TEST_F(Acl, ChatFindsItsLoginByTheClientsPolicy) {
  const auto finished = run(
      {.command = {program().string(), "bots", "--plugin", (shipped_plugins() / "robot.so").string(), "--count", "1",
                   "--scenario", "connect", "--duration", "1s", "--consul", mesh_->consul().url(), "--mesh", "default"},
       .env = {{"CELLMESH_CONSUL_TOKEN", mesh_->token_for({"--client"})}},
       .folder = {},
       .log = {}});
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->code, 0) << finished->output;
}

}  // namespace
}  // namespace cm::test
