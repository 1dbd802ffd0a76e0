// What stands in Consul's KV, written there by hosts and by hand.
#include <algorithm>
#include <boost/json.hpp>

#include "e2e/fixture.hpp"
#include "echo.pb.h"

namespace cm::test {
namespace {

class ConsulKv : public OnEveryWay {
 protected:
  [[nodiscard]] ConsulServer& consul() { return mesh().consul(); }
  [[nodiscard]] std::string setting(const std::string& path, const std::string& field = "value") {
    const auto rows = mesh().host("agent").query({"settings", "get", path});
    const auto& value = rows.as_array().at(0).at(field);
    return value.is_string() ? std::string(value.as_string()) : std::string();
  }
};
INSTANTIATE_TEST_SUITE_P(Deployments, ConsulKv, testing::Values(Way{Shape::consul, "tcp"}),
                         testing::PrintToStringParamName());

TEST_P(ConsulKv, DocumentsItselfWithDefaults) {
  EXPECT_EQ(consul().kv_get("cellmesh/config/agent/heartbeat_sec"), "0");
  EXPECT_EQ(consul().kv_get("cellmesh/config/agent/max_refused"), "8");
  EXPECT_EQ(consul().kv_get("cellmesh/config/hub/status_ttl_sec"), "6");
  EXPECT_EQ(consul().kv_get("cellmesh/config/login/timeout_sec"), "10");
  const auto routes = consul().kv_get("cellmesh/routes/social");
  ASSERT_TRUE(routes);
  EXPECT_NE(routes->find("proto.ChatREQ"), std::string::npos) << *routes;
}

TEST_P(ConsulKv, BadValueByHandIsRefusedWithAWarningThatNamesIt) {
  Host& agent = mesh().host("agent");
  const auto offset = agent.process().output_size();
  consul().kv_put("cellmesh/config/agent/max_refused", "a few");
  EXPECT_TRUE(agent.wait_for_log("cellmesh/config/agent/max_refused", seconds(10), offset)) << tail(agent.log());
  EXPECT_TRUE(wait_until([&] { return setting("agent/max_refused", "refused") == "a few"; }));
  EXPECT_EQ(setting("agent/max_refused"), "8");
  consul().kv_put("cellmesh/config/agent/max_refused", "9");
  EXPECT_TRUE(wait_until([&] { return setting("agent/max_refused") == "9"; }, seconds(1)));
  consul().kv_put("cellmesh/config/agent/max_refused", "8");
}

TEST_P(ConsulKv, BrokenRoutesByHandAreRefusedWithAWarningAndTheOldOnesStay) {
  Host& agent = mesh().host("agent");
  const auto before = *consul().kv_get("cellmesh/routes/echo");
  const auto offset = agent.process().output_size();
  consul().kv_put("cellmesh/routes/echo", R"({"version":"9.0.0","rules":[{"id":)");
  EXPECT_TRUE(agent.wait_for_log("cellmesh/routes/echo", seconds(10), offset)) << tail(agent.log());
  Client client = player();
  proto::EchoREQ req;
  client.send(req);
  client.expect<proto::EchoACK>();
  consul().kv_put("cellmesh/routes/echo", before);
}

TEST_P(ConsulKv, PluginsNamedForAHostAreLoadedAndUnloaded) {
  Host& host = mesh().add_host("empty", {"--index", "7"});
  const std::string key = "cellmesh/hosts/7@dev/plugins";
  const auto plugins = [&] {
    const auto all = host.query({"plugins"}).as_array();
    return std::count_if(all.begin(), all.end(), [](const auto& p) { return p.at("state").as_string() == "loaded"; });
  };
  ASSERT_TRUE(wait_until([&] { return consul().kv_get(key).has_value(); })) << "the KV documents the key by itself";
  consul().kv_put(key, "echo,hub");
  EXPECT_TRUE(wait_until([&] { return plugins() == 2; })) << tail(host.log());
  consul().kv_put(key, "hub");
  EXPECT_TRUE(wait_until([&] { return plugins() == 1; })) << tail(host.log());
  const auto offset = host.process().output_size();
  consul().kv_put(key, "hub,nothing_of_that_name");
  EXPECT_TRUE(host.wait_for_log("nothing_of_that_name", seconds(10), offset)) << tail(host.log());
  EXPECT_EQ(plugins(), 1);
  consul().kv_put(key, "");
  EXPECT_TRUE(wait_until([&] { return plugins() == 0; })) << tail(host.log());
}

TEST_P(ConsulKv, ListsAndRoutesAreReadAsPeopleWroteThem) {
  Host& host = mesh().add_host("written", {"--index", "6"});
  const std::string key = "cellmesh/hosts/6@dev/plugins";
  const auto plugins = [&] {
    const auto all = host.query({"plugins"}).as_array();
    return std::count_if(all.begin(), all.end(), [](const auto& p) { return p.at("state").as_string() == "loaded"; });
  };
  ASSERT_TRUE(wait_until([&] { return consul().kv_get(key).has_value(); }));
  consul().kv_put(key,
                  "\xef\xbb\xbf"
                  "echo, hub\r\n");
  EXPECT_TRUE(wait_until([&] { return plugins() == 2; })) << tail(host.log());
  const auto offset = host.process().output_size();
  consul().kv_put(key, "echo\nhub\n");
  EXPECT_TRUE(host.wait_for_log("a line feed (\\x0a) at byte 5", seconds(10), offset)) << tail(host.log());
  EXPECT_EQ(plugins(), 2);
  consul().kv_put(key, "");
  EXPECT_TRUE(wait_until([&] { return plugins() == 0; })) << tail(host.log());

  const auto before = *consul().kv_get("cellmesh/routes/echo");
  auto fewer = boost::json::parse(before).as_object();
  fewer["rules"].as_array().clear();
  consul().kv_put("cellmesh/routes/echo", "\xef\xbb\xbf" + boost::json::serialize(fewer) + "\r\n");
  const auto rules = [&] {
    return mesh().host("agent").query({"routes", "show", "echo"}).as_array().at(0).at("rules").as_array().size();
  };
  EXPECT_TRUE(wait_until([&] { return rules() == 0; }));
  consul().kv_put("cellmesh/routes/echo", before);
  EXPECT_TRUE(wait_until([&] { return rules() != 0; }));
}

TEST_P(ConsulKv, HostsOwnSettingsGoByItsNameThoughTheIndexIsShared) {
  Host& agent = mesh().host("agent");
  Host& game = mesh().host("game");
  const std::string name(agent.query({"status"}).at("host").as_string());
  const auto level = [](Host& host) { return std::string(host.query({"log"}).at("mesh").as_string()); };
  consul().kv_put("cellmesh/config/host/0@dev/log", "error");  // of no host here
  const auto answer = agent.ctl({"settings", "set", "host/" + name + "/log", "info,mesh=debug"});
  EXPECT_EQ(answer.code, 0) << answer.output;
  EXPECT_TRUE(wait_until([&] { return level(agent) == "debug"; }));
  EXPECT_EQ(level(game), "info");
  EXPECT_NE(agent.log().find("cellmesh/config/host/0@dev/log is read by the host named 0@dev alone"),
            std::string::npos);
  consul().kv_delete("cellmesh/config/host/" + name + "/log");
  consul().kv_delete("cellmesh/config/host/0@dev/log");
  EXPECT_TRUE(wait_until([&] { return level(agent) == "info"; }));
}

TEST_P(ConsulKv, TwoHostsOfOneNameAreTold) {
  Host& first = mesh().add_host("first", {"--index", "11", "--name", "twin", "--plugins", "echo"});
  first.await_ready();
  Host& second = mesh().add_host("second", {"--index", "12", "--name", "twin", "--plugins", "echo"});
  second.await_ready();
  for (Host* host : {&first, &second})
    EXPECT_TRUE(host->wait_for_log("is named twin as well", seconds(30))) << tail(host->log());
}

TEST_P(ConsulKv, WhatNeedsARestartSaysSo) {
  Host& agent = mesh().host("agent");
  const auto answer = agent.ctl({"settings", "set", "agent/public_host", "localhost"});
  EXPECT_NE(answer.output.find("after restart of agent#0@dev"), std::string::npos) << answer.output;
  EXPECT_TRUE(wait_until([&] { return setting("agent/public_host") == "localhost"; }));
  const auto row = agent.query({"settings", "get", "agent/public_host"}).as_array().at(0).as_object();
  EXPECT_TRUE(row.at("restart").as_bool());
  EXPECT_EQ(row.at("running").as_string(), "");
  EXPECT_EQ(agent.ctl({"settings", "set", "agent/public_host", ""}).code, 0);
}

TEST_P(ConsulKv, BootstrapFileSaysWhereConsulIs) {
  TempDir folder;
  write_file(folder / "bootstrap.yaml",
             "consul:\n  url: " + consul().url() + "\ngroup: dev\nindex: 8\nplugins: [echo]\n");
  Host host({.folder = folder.path(), .arguments = {"--bootstrap", (folder / "bootstrap.yaml").string()}, .env = {}});
  host.await_ready();
  EXPECT_TRUE(wait_until(
      [&] { return consul().get("/v1/health/service/echo?passing").find("echo#8@dev") != std::string::npos; }));
  EXPECT_EQ(host.stop(), 0);
  EXPECT_EQ(consul().get("/v1/health/service/echo").find("echo#8@dev"), std::string::npos);
}

}  // namespace
}  // namespace cm::test
