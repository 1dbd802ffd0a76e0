#include "discovery/consul_rights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace cm::discovery {
namespace {

using testing::HasSubstr;
using testing::Not;

AccessRole login_role() {
  AccessRole role;
  role.host = "0@dev";
  role.provides = {"login"};
  role.needs = {"agent", "data", "hub"};
  role.shares = {"token_keys/"};
  return role;
}

TEST(ConsulRights, AreWhatTheRoleNeedsAndNoMore) {
  const std::string policy = consul_policy(consul_rights(login_role()));
  for (const char* rule :
       {"node_prefix \"\" { policy = \"read\" }", "service \"login\" { policy = \"write\" }",
        "service \"data\" { policy = \"read\" }", "key_prefix \"cellmesh/config/login/\" { policy = \"write\" }",
        "key \"cellmesh/hosts/0@dev/plugins\" { policy = \"write\" }",
        "key_prefix \"cellmesh/shared/token_keys/\" { policy = \"write\" }",
        "key_prefix \"cellmesh/shared/\" { policy = \"read\" }", "key \"cellmesh/routes/login\" { policy = \"write\" }",
        "key \"cellmesh/services/login\" { policy = \"write\" }"}) {
    EXPECT_THAT(policy, HasSubstr(rule));
  }
  EXPECT_THAT(policy, Not(HasSubstr("service_prefix")));
  EXPECT_THAT(policy, Not(HasSubstr("config/data")));
  EXPECT_THAT(policy, Not(HasSubstr("key_prefix \"cellmesh/\"")));
}

TEST(ConsulRights, GatewayLooksForEveryKind) {
  auto role = login_role();
  role.gateway = true;
  const std::string policy = consul_policy(consul_rights(role));
  EXPECT_THAT(policy, HasSubstr("service_prefix \"\" { policy = \"read\" }"));
  EXPECT_THAT(policy, HasSubstr("service \"login\" { policy = \"write\" }"));
}

TEST(ConsulRights, HostWithPluginsOfItsOwnNeedsNoListInTheKv) {
  auto role = login_role();
  role.list_in_kv = false;
  EXPECT_THAT(consul_policy(consul_rights(role)), Not(HasSubstr("cellmesh/hosts")));
}

TEST(ConsulRights, ClientsOnlyLookForTheLogin) {
  EXPECT_EQ(consul_client_rights().size(), 2U);
  EXPECT_THAT(consul_policy(consul_client_rights()), HasSubstr("service \"login\" { policy = \"read\" }"));
}

}  // namespace
}  // namespace cm::discovery
