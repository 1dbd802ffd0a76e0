// A service that cannot do its work says so: nobody picks it, Consul shows it, and its host is not ready.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <filesystem>

#include "e2e/ready/status.hpp"
#include "support/consul.hpp"
#include "support/deployment.hpp"
#include "support/postgres.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Why a service is unhealthy, as a host sees it; "none" if it does not know it.
std::string unhealthy(Host& host, const std::string& kind) {
  const auto services = host.ctl({"services", kind});
  if (!services.json.is_array() || services.json.as_array().empty()) return "none";
  const auto& reason = services.json.at(0).at("unhealthy");
  return reason.is_null() ? "" : std::string(reason.as_string());
}

bool becomes_unhealthy(Host& host, const std::string& kind, const std::string& part) {
  return wait_until([&] { return unhealthy(host, kind).find(part) != std::string::npos; });
}

TEST(DataHealth, HostIsNotReadyWhileItsPostgresIsAway) {
  PostgresServer postgres;
  const std::string database = postgres.make_database();
  postgres.stop();
  const TempDir folder;
  Host host({.folder = folder / "host",
             .arguments = {"--dev", "--plugins", "data"},
             .env = {{"CELLMESH_DATABASE", database}}});
  const auto reason = await_not_ready(host, "data#0@dev is unhealthy");
  EXPECT_THAT(reason, HasSubstr("PostgreSQL"));
  EXPECT_FALSE(host.ready());
  EXPECT_THAT(unhealthy(host, "data"), HasSubstr("PostgreSQL"));
  postgres.start();
  host.await_ready();
  EXPECT_EQ(unhealthy(host, "data"), "");
  postgres.kill9();
  (void)await_not_ready(host, "data#0@dev is unhealthy");
  EXPECT_TRUE(wait_until([&] { return !host.ready(); })) << "the ready file stays";
  EXPECT_TRUE(host.wait_for_log("not ready: data#0@dev is unhealthy"));
  postgres.start();
  host.await_ready();
  EXPECT_TRUE(host.wait_for_log("ready again"));
}

TEST(DataHealth, ConsulShowsTheReasonOfOneThatWasNeverHealthy) {
  ConsulServer consul;
  const TempDir folder;
  Host host({.folder = folder / "host",
             .arguments = {"--consul", consul.url(), "--plugins", "data"},
             .env = {{"CELLMESH_DATABASE", "postgresql://nobody@127.0.0.1:1/none"}}});
  (void)await_not_ready(host, "PostgreSQL");
  const auto checks = [&] { return consul.get("/v1/health/checks/data"); };
  EXPECT_TRUE(wait_until([&] {
    const auto text = checks();
    return text.find("warning") != std::string::npos && text.find("PostgreSQL") != std::string::npos;
  })) << checks();
}

TEST(DataHealth, WrongPasswordIsTheReason) {
  PostgresServer postgres;
  auto database = postgres.make_database();
  database.replace(database.find(PostgresServer::password()), 1, "X");
  const TempDir folder;
  Host host({.folder = folder / "host",
             .arguments = {"--dev", "--plugins", "data"},
             .env = {{"CELLMESH_DATABASE", database}}});
  const auto reason = await_not_ready(host, "password");
  EXPECT_THAT(reason, testing::Not(HasSubstr("secret-of-tests")));
}

TEST(DataHealth, DeletedFileMakesItUnhealthyUntilItIsBack) {
  const TempDir folder;
  Host host({.folder = folder / "host", .arguments = {"--dev", "--plugins", "data"}, .env = {}});
  host.await_ready();
  const auto file = folder / "host/data.db";
  fs::rename(file, folder / "away");
  (void)await_not_ready(host, "data.db");
  EXPECT_EQ(host.ctl({"reload", "data"}).code, 0);
  EXPECT_THAT(not_ready(host), HasSubstr("data.db"));
  EXPECT_FALSE(fs::exists(file)) << "an empty one took its place";
  fs::rename(folder / "away", file);
  host.await_ready();
}

TEST(DataHealth, ConsulAndOtherHostsSeeItAndStayLinked) {
  PostgresServer postgres;
  Deployment mesh(Shape::consul, {.arguments = {}, .env = {{"CELLMESH_DATABASE", postgres.make_database()}}});
  Host& data = mesh.host("data");
  Host& game = mesh.host("game");
  const auto links = [&] { return boost::json::serialize(game.query({"links"})); };
  ASSERT_THAT(links(), HasSubstr("data.0@dev"));
  postgres.kill9();
  EXPECT_TRUE(becomes_unhealthy(game, "data", "PostgreSQL"));
  const auto checks = [&] { return mesh.consul().get("/v1/health/checks/data"); };
  EXPECT_TRUE(wait_until([&] { return checks().find("warning") != std::string::npos; })) << checks();
  EXPECT_THAT(checks(), HasSubstr("PostgreSQL"));
  EXPECT_TRUE(wait_until([&] { return mesh.consul().get("/v1/health/service/data?passing").size() < 10; }));
  (void)await_not_ready(data, "unhealthy");
  EXPECT_EQ(not_ready(game), "") << "that is the data host's affair";
  EXPECT_TRUE(stays_true([&] { return links().find("\"state\":\"up\"") != std::string::npos; }, seconds(3)));
  EXPECT_THAT(links(), HasSubstr("data.0@dev"));
  postgres.start();
  data.await_ready();
  EXPECT_TRUE(wait_until([&] { return unhealthy(game, "data").empty(); }));
  EXPECT_TRUE(wait_until([&] { return checks().find("passing") != std::string::npos; })) << checks();
}

}  // namespace
}  // namespace cm::test
