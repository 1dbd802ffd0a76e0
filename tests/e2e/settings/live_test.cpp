// Routes and settings that change while players play.
#include <boost/json.hpp>

#include "e2e/fixture.hpp"
#include "echo.pb.h"

namespace cm::test {
namespace {

using proto::NoticeACK;

constexpr seconds kLive{1};  // the promise: within a second on every host

class Live : public OnEveryWay {
 protected:
  void SetUp() override {
    OnEveryWay::SetUp();
    if (HasFatalFailure()) return;
    routes_ = folder_ / "routes.json";
  }

  // The routes of a service as the agent's host has them.
  [[nodiscard]] boost::json::object routes_of(const std::string& service) {
    return mesh().host("agent").query({"routes", "show", service}).as_array().at(0).as_object();
  }
  Host::Ctl push(const std::string& text) {
    write_file(routes_, text);
    return mesh().host("agent").ctl({"routes", "push", routes_.string()});
  }
  static bool echoes(Client& client) {
    proto::EchoREQ req;
    req.set_content("echo?");
    client.send(req);
    for (;;) {
      const auto frame = client.read();
      if (!frame) throw std::runtime_error("closed");
      if (frame->is<proto::EchoACK>()) return true;
      if (frame->is<NoticeACK>()) return false;
    }
  }
  [[nodiscard]] std::string setting(const std::string& path, const std::string& field = "value") {
    const auto rows = mesh().host("agent").query({"settings", "get", path});
    const auto& value = rows.as_array().at(0).at(field);
    return value.is_string() ? std::string(value.as_string()) : std::string();
  }

 private:
  TempDir folder_;
  std::filesystem::path routes_;
};
CM_ON_DEPLOYMENTS(Live);

TEST_P(Live, RouteThatIsPushedCountsWithinASecond) {
  ScopedSetting patient(mesh(), "agent/max_refused", "1000000");
  const auto before = routes_of("echo");
  Client client = player();
  ASSERT_TRUE(echoes(client));

  auto without = before;
  without["rules"].as_array().clear();
  ASSERT_EQ(push(boost::json::serialize(without)).code, 0);
  EXPECT_TRUE(wait_until([&] { return !echoes(client); }, kLive)) << "still routed";

  ASSERT_EQ(push(boost::json::serialize(before)).code, 0);
  EXPECT_TRUE(wait_until([&] { return echoes(client); }, kLive)) << "not routed again";
}

TEST_P(Live, WhatElseChangesHoldsThoughTheCertificateCannotBeRead) {
  const ScopedSetting nowhere(mesh(), "agent/tls_certificate", "/nonexistent/cert.pem");
  const ScopedSetting small(mesh(), "agent/ws_max_body", "1000");
  EXPECT_TRUE(wait_until([&] {
    Client client = enter(mesh().url("login", "wss"));
    client.send(chat_req(std::string(2000, 'x')));
    for (;;) {
      const auto frame = client.read();
      if (!frame) return true;
      if (frame->is<proto::ChatACK>()) return false;
    }
  }));
}

TEST_P(Live, BrokenRoutesAreRefusedAndTheOldOnesStay) {
  const auto before = routes_of("echo");
  Client client = player();
  for (const std::string broken :
       {R"({"service":"echo","version":"1.0.0","rules":[{"id":0,"message":"proto.EchoREQ","mode":"auth"}]})",
        R"({"service":"echo","version":"1.0.0","rules":[{"id":70000,"message":"proto.EchoREQ","mode":"auth"}]})",
        R"({"service":"echo","version":"1.0.0","rules":[{"id":3323,"message":"proto.EchoREQ","mode":"maybe"}]})",
        // ChatREQ's
        R"({"service":"echo","version":"1.0.0","rules":[{"id":29052,"message":"proto.EchoREQ","mode":"auth"}]})",
        R"({"service":"echo","rules":17})", "{", ""}) {
    const auto result = push(broken);
    EXPECT_NE(result.code, 0) << broken;
    EXPECT_GT(result.output.size(), 20U) << "a refusal is a sentence";
  }
  EXPECT_EQ(routes_of("echo"), before);
  EXPECT_TRUE(echoes(client));
}

TEST_P(Live, SettingThatIsWrittenCountsWithinASecond) {
  Client client = player();
  ScopedSetting limit(mesh(), "agent/max_body", "1000");  // a token has room
  EXPECT_TRUE(wait_until([&] { return setting("agent/max_body") == "1000"; }, kLive));
  Client talker = player();
  const auto closed_as_too_large = [&] {
    Client other = player();
    other.send(chat_req(std::string(2000, 'x')));
    for (;;) {
      const auto frame = other.read();
      if (!frame) return true;
      if (frame->is<proto::ChatACK>()) return false;
    }
  };
  EXPECT_TRUE(wait_until(closed_as_too_large, kLive));
  chat(talker, "short is fine");
}

TEST_P(Live, BadValueIsRefusedAndTheLastGoodOneStays) {
  ScopedSetting good(mesh(), "agent/heartbeat_sec", "55");
  ASSERT_TRUE(wait_until([&] { return setting("agent/heartbeat_sec") == "55"; }));
  for (const std::string bad : {"soon", "-1", "3601", "", "5.5"}) {
    const auto result = mesh().host("agent").ctl({"settings", "set", "agent/heartbeat_sec", bad});
    EXPECT_EQ(result.code, 1) << bad;
    EXPECT_NE(result.output.find("heartbeat_sec"), std::string::npos) << result.output;
    EXPECT_EQ(setting("agent/heartbeat_sec"), "55");
  }
  EXPECT_EQ(mesh().host("agent").ctl({"settings", "set", "agent/no_such_thing", "1"}).code, 1);
}

TEST_P(Live, SettingOfOneInstanceWinsOverThatOfAll) {
  const std::string before = setting("agent/heartbeat_sec");
  ScopedSetting all(mesh(), "agent/heartbeat_sec", "60");
  ASSERT_TRUE(wait_until([&] { return setting("agent/heartbeat_sec") == "60"; }));
  mesh().set("agent/0@dev/heartbeat_sec", "61");
  EXPECT_TRUE(wait_until([&] { return setting("agent/heartbeat_sec") == "61"; }));
  if (mesh().shape() == Shape::consul) {
    mesh().consul().kv_delete("cellmesh/config/agent/0@dev/heartbeat_sec");
    EXPECT_TRUE(wait_until([&] { return setting("agent/heartbeat_sec") == "60"; }));
  } else {
    mesh().set("agent/0@dev/heartbeat_sec", before);
  }
}

TEST_P(Live, LogLevelOfARoomChangesWhileRunning) {
  Host& host = mesh().host("agent");
  ScopedSetting levels(mesh(), "host/log", "info,session=debug");
  EXPECT_TRUE(wait_until([&] {
    const auto now = host.query({"log"});
    return now.at("session").as_string() == "debug" && now.at("mesh").as_string() == "info";
  }));
}

}  // namespace
}  // namespace cm::test
