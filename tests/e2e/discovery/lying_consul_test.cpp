#include "e2e/discovery/lying_consul.hpp"

#include <atomic>

#include "e2e/discovery/fixture.hpp"
#include "support/captured_log.hpp"
#include "support/wait.hpp"

namespace cm::discovery {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;
using Request = LyingConsul::Request;
using Reply = LyingConsul::Reply;

const std::string kGame = R"([{"Service":{"ID":"game#0@dev","Service":"game","Tags":["cellmesh"],"Meta":{"group":"dev",
  "index":"0","mesh":"cellmesh","host":"0@dev","boot":"boot0","link":"127.0.0.1:4000"}}}])";

// Honest to the probe; what else is asked goes to `lie`.
LyingConsul::Handler honest_but(LyingConsul::Handler lie) {
  return [lie = std::move(lie)](const Request& request) {
    if (auto reply = LyingConsul::probe_reply(request)) return *reply;
    return lie(request);
  };
}

std::string kv_entry(const std::string& key, const std::string& base64, int version) {
  return R"({"Key":")" + key + R"(","Value":")" + base64 + R"(","ModifyIndex":)" + std::to_string(version) + "}";
}

TEST(LyingConsulTest, AnswersThatNeverBlockAreNotAskedForInALoop) {
  for (const auto* index : {"0", "", "7", "-3", "garbage"}) {
    std::atomic<int> asked{0};
    LyingConsul consul(honest_but([&](const Request&) {
      ++asked;
      return Reply{200, "[]", index};
    }));
    Node node(quick(consul.url()));
    node.watch_kv("t/");
    node.watch({"game"});
    ASSERT_TRUE(node.kv.wait_for_any());
    (void)test::stays_true([] { return true; }, 1s);
    EXPECT_LE(asked, 40) << index;  // two watches, ten a second, and a burst each
    EXPECT_EQ(node.kv.size(), 1U);
    EXPECT_EQ(node.services.size(), 1U);
  }
}

TEST(LyingConsulTest, GarbageIsToldOnceAndHealedFrom) {
  test::CapturedLog log(base::Room::discovery);
  std::atomic<bool> lying{true};
  LyingConsul consul(honest_but([&](const Request& request) {
    if (request.index > 0) return Reply{LyingConsul::kStall};
    if (request.path.starts_with("/v1/kv/")) return Reply{200, lying ? R"([{"Key":7}])" : "[]"};
    return Reply{200, lying ? "{\"a\":" : kGame};
  }));
  Node node(quick(consul.url()));
  node.watch({"game"});
  node.watch_kv("t/");
  EXPECT_TRUE(log.wait_for("cannot watch the services of kind game"));
  EXPECT_TRUE(log.wait_for("cannot watch the keys under t/"));
  EXPECT_TRUE(node.discovery->state().reachable);
  lying = false;
  EXPECT_TRUE(node.sees({service("game", 0)}));
  EXPECT_TRUE(node.kv.wait_for_any());
  EXPECT_EQ(log.count("cannot watch the services"), 1U);
  EXPECT_EQ(log.count("cannot watch the keys under t/"), 1U);
}

TEST(LyingConsulTest, OneKindThatIsRefusedDoesNotHoldUpTheOthers) {
  LyingConsul consul(honest_but([&](const Request& request) {
    if (request.path.ends_with("/hub")) return Reply{403, "Permission denied"};
    if (request.index > 0) return Reply{LyingConsul::kStall};
    return Reply{200, kGame};
  }));
  Node node(quick(consul.url()));
  node.watch({"game", "hub"});
  EXPECT_TRUE(node.sees({service("game", 0)}));
}

TEST(LyingConsulTest, AnAnswerWithoutEndIsCutOff) {
  test::CapturedLog log(base::Room::discovery);
  LyingConsul consul(honest_but([&](const Request& request) {
    if (request.path.starts_with("/v1/kv/")) return Reply{200, std::string(2U << 20U, ' ')};
    if (request.index > 0) return Reply{LyingConsul::kStall};
    return Reply{200, kGame};
  }));
  auto config = quick(consul.url());
  config.max_answer = 1U << 20U;
  Node node(config);
  node.watch_kv("t/");
  EXPECT_TRUE(log.wait_for("is too long"));
  node.watch({"game"});
  EXPECT_TRUE(node.sees({service("game", 0)}));
  EXPECT_THAT(node.get("t/a").error().text, HasSubstr("too long"));
  EXPECT_TRUE(node.discovery->state().reachable);
}

TEST(LyingConsulTest, ARefusedTokenIsSaidWithItsCure) {
  test::CapturedLog log(base::Room::discovery);
  LyingConsul consul([](const Request&) { return Reply{403, "ACL not found"}; });
  Node node(quick(consul.url()));
  EXPECT_TRUE(log.wait_for("403"));
  EXPECT_TRUE(log.wait_for("the token is not known to Consul"));
  EXPECT_FALSE(node.discovery->state().reachable);
  EXPECT_TRUE(
      eventually([&] { return node.discovery->state().last_error.find("ACL not found") != std::string::npos; }));
  EXPECT_EQ(node.ready.size(), 0U);
}

TEST(LyingConsulTest, WhatIsNoConsulIsNeverReady) {
  test::CapturedLog log(base::Room::discovery);
  for (const auto& reply : {Reply{200, "<html>hello</html>"}, Reply{404, ""}, Reply{301, ""}, Reply{200, "[]"},
                            Reply{500, "No cluster leader"}, Reply{LyingConsul::kHangUp}}) {
    LyingConsul consul([&](const Request&) { return reply; });
    Node node(quick(consul.url()));
    EXPECT_TRUE(log.wait_for("Consul at " + consul.url()));
    EXPECT_FALSE(node.discovery->state().reachable) << reply.status;
    EXPECT_EQ(node.ready.size(), 0U);
  }
}

TEST(LyingConsulTest, ServiceErrorsOfOneQueryAreNoOutage) {
  std::atomic<int> asked{0};
  LyingConsul consul(honest_but([&](const Request& request) {
    if (request.index > 0) return Reply{LyingConsul::kStall};
    if (request.path.ends_with("/hub")) {
      ++asked;
      return Reply{500, "rpc error"};
    }
    return Reply{200, kGame};
  }));
  test::CapturedLog log(base::Room::discovery);
  Node node(quick(consul.url()));
  node.watch({"game", "hub"});
  EXPECT_TRUE(node.sees({service("game", 0)}));
  EXPECT_TRUE(log.wait_for("rpc error"));
  EXPECT_TRUE(node.discovery->state().reachable);
  EXPECT_EQ(log.count("out of reach"), 0U);
}

TEST(LyingConsulTest, AnIndexThatGoesBackWithOlderValuesIsALoss) {
  std::atomic<bool> restored{false};
  LyingConsul consul(honest_but([&](const Request& request) {
    if (restored) {
      if (request.index > 0 && request.index <= 50) return Reply{LyingConsul::kStall};
      return Reply{200, "[" + kv_entry("t/a", "b2xk", 40) + "]", "50"};
    }
    if (request.index == 100) {
      restored = true;
      return Reply{200, "[" + kv_entry("t/a", "b2xk", 40) + "]", "50"};
    }
    return Reply{200, "[" + kv_entry("t/a", "bmV3", 90) + "," + kv_entry("t/b", "bmV3", 91) + "]", "100"};
  }));
  Node node(quick(consul.url()));
  node.watch_kv("t/");
  const auto lost = node.kv.wait_for([](const Node::Kv& k) { return k.lost; });
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->map.size(), 1U);
  EXPECT_EQ(lost->map.at("t/a").value, "old");
  // Nobody writes it back: in the end it is gone.
  const auto end = node.kv.wait_for([](const Node::Kv& k) { return !k.lost && k.map.size() == 1; });
  EXPECT_TRUE(end);
}

// Somebody else has the new Consul's index run past the old one's before the loss is known here.
TEST(LyingConsulTest, AnAnswerOfAConsulThatIsDoubtedIsNotBelieved) {
  std::atomic<bool> emptied{false};
  std::atomic<bool> doubted{false};
  std::promise<void> verdict;
  const std::shared_future<void> may_tell = verdict.get_future().share();
  LyingConsul consul([&](const Request& request) {
    if (request.path != "/v1/kv/cellmesh/incarnation" || !emptied) {
      if (auto reply = LyingConsul::probe_reply(request)) return *reply;
    } else {
      doubted = true;
      may_tell.wait();
      return Reply{200, "[" + kv_entry("cellmesh/incarnation", "bmV3", 1) + "]"};
    }
    if (request.path == "/v1/kv/t/bad") {
      emptied = true;
      return Reply{LyingConsul::kHangUp};
    }
    if (request.index == 0) return Reply{200, emptied ? "[]" : "[" + kv_entry("t/a", "bmV3", 90) + "]", "100"};
    if (request.index > 100) return Reply{LyingConsul::kStall};
    EXPECT_TRUE(eventually([&] { return doubted.load(); }));
    return Reply{200, "[]", "200"};
  });
  Node node(patient(consul.url()));
  node.watch_kv("t/");
  ASSERT_TRUE(node.kv.wait_for_any());
  EXPECT_FALSE(node.put("t/bad", "1"));
  ASSERT_TRUE(eventually([&] { return doubted.load(); }));
  EXPECT_TRUE(test::stays_true([&] { return node.kv.size() == 1; }, 500ms));
  verdict.set_value();
  EXPECT_TRUE(node.kv.wait_for([](const Node::Kv& k) { return k.lost && k.map.empty(); }));
  EXPECT_TRUE(node.kv.all().at(1).lost);
}

TEST(LyingConsulTest, AnIndexThatGoesBackWithTheSameValuesIsNone) {
  std::atomic<int> asked{0};
  LyingConsul consul(honest_but([&](const Request& request) {
    const std::string body = "[" + kv_entry("t/a", "bmV3", 40) + "]";
    if (asked++ == 0) return Reply{200, body, "100"};
    if (request.index == 100) return Reply{200, body, "50"};
    if (request.index == 50) return Reply{LyingConsul::kStall};
    return Reply{200, body, "50"};
  }));
  Node node(quick(consul.url()));
  node.watch_kv("t/");
  ASSERT_TRUE(node.kv.wait_for_any());
  EXPECT_TRUE(eventually([&] { return asked >= 4; }));
  EXPECT_EQ(node.kv.size(), 1U);
  EXPECT_FALSE(node.kv.all().front().lost);
}

// Not a lie: a key that was written and deleted again between two looks.
TEST(LyingConsulTest, AnIndexThatMovesOnWithTheSameValuesIsTold) {
  std::atomic<int> asked{0};
  LyingConsul consul(honest_but([&](const Request& request) {
    const std::string body = "[" + kv_entry("t/a", "bmV3", 40) + "]";
    if (asked++ == 0) return Reply{200, body, "100"};
    if (request.index == 102) return Reply{LyingConsul::kStall};
    return Reply{200, body, "102"};
  }));
  Node node(quick(consul.url()));
  node.watch_kv("t/");
  EXPECT_TRUE(eventually([&] { return node.kv.size() == 2; }));
  EXPECT_TRUE(eventually([&] { return asked == 3; }));
  EXPECT_EQ(node.kv.size(), 2U);
}

TEST(LyingConsulTest, OneThatHangsUpNowAndThenLosesNoWatch) {
  std::atomic<int> asked{0};
  std::atomic<bool> there{false};
  LyingConsul consul(honest_but([&](const Request& request) {
    if (++asked % 3 != 0) return Reply{LyingConsul::kHangUp};
    if (request.index > 0 && there) return Reply{LyingConsul::kStall};
    return Reply{200, there ? kGame : "[]"};
  }));
  Node node(quick(consul.url()));
  node.watch({"game"});
  EXPECT_TRUE(node.sees({}));
  there = true;
  EXPECT_TRUE(node.sees({service("game", 0)}));
  EXPECT_TRUE(node.discovery->state().reachable);
}

// As a Consul that kept its data: it finds the checks lapsed, and then sees the owners.
TEST(LyingConsulTest, ServicesThatLapseRightAfterAnOutageAreNotGone) {
  enum class Now { up, down, back };
  std::atomic<Now> now{Now::up};
  std::atomic<int> reads{0};
  LyingConsul consul([&](const Request& request) {
    if (now == Now::down) return Reply{LyingConsul::kHangUp};
    if (auto reply = LyingConsul::probe_reply(request)) return *reply;
    if (request.path != "/v1/health/service/game") return Reply{200, ""};
    if (now == Now::up) return Reply{200, kGame};
    return Reply{200, ++reads == 1 ? "[]" : kGame};
  });
  Node node(quick(consul.url()));
  node.watch({"game"});
  ASSERT_TRUE(node.sees({service("game", 0)}));
  now = Now::down;
  ASSERT_TRUE(eventually([&] { return !node.discovery->state().reachable; }));
  now = Now::back;
  ASSERT_TRUE(eventually([&] { return node.discovery->state().reachable; }));
  (void)test::stays_true([] { return true; }, 7s);  // longer than anything is held
  EXPECT_EQ(node.services.size(), 1U);
}

TEST(LyingConsulTest, AHeartbeatThatFindsNoCheckRegistersAgain) {
  std::atomic<int> registrations{0};
  std::atomic<int> heartbeats{0};
  LyingConsul consul(honest_but([&](const Request& request) {
    if (request.path == "/v1/agent/service/register") ++registrations;
    if (request.path != "/v1/agent/check/pass/service:game%230%40dev") return Reply{200, ""};
    switch (++heartbeats) {
      case 2:
        return Reply{500, "CheckID \"service:game#0@dev\" does not have associated TTL"};
      case 4:
        return Reply{404, "Unknown check ID"};
      default:
        return Reply{200, ""};
    }
  }));
  Node node(quick(consul.url()));
  node.discovery->register_service(service("game", 0));
  EXPECT_TRUE(eventually([&] { return heartbeats >= 5; }));
  EXPECT_EQ(registrations, 3);
  EXPECT_EQ(node.discovery->state().registered, 1U);
}

TEST(LyingConsulTest, ADoubtThatIsSettledAsksNothingAnew) {
  std::atomic<int> registrations{0};
  LyingConsul consul(honest_but([&](const Request& request) {
    if (request.path == "/v1/agent/service/register") ++registrations;
    if (request.path == "/v1/kv/t/bad") return Reply{LyingConsul::kHangUp};
    if (request.index > 0) return Reply{LyingConsul::kStall};
    return Reply{200, request.path == "/v1/health/service/game" ? kGame : "true"};
  }));
  Node node(quick(consul.url()));
  node.watch({"game"});
  node.discovery->register_service(service("game", 0));
  ASSERT_TRUE(node.sees({service("game", 0)}));
  ASSERT_TRUE(eventually([&] { return node.discovery->state().registered == 1; }));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(node.put("t/bad", "1").error().text, HasSubstr("no answer"));
    EXPECT_TRUE(node.put("t/good", "1"));
  }
  EXPECT_TRUE(node.discovery->state().reachable);
  EXPECT_EQ(registrations, 1);
}

TEST(LyingConsulTest, ARefusedRegistrationIsToldOnceAndTriedOn) {
  test::CapturedLog log(base::Room::discovery);
  std::atomic<int> asked{0};
  LyingConsul consul(honest_but([&](const Request& request) {
    if (request.path != "/v1/agent/service/register") return Reply{200, ""};
    return ++asked < 4 ? Reply{400, "Invalid service"} : Reply{200, ""};
  }));
  Node node(quick(consul.url()));
  node.discovery->register_service(service("game", 0));
  EXPECT_TRUE(log.wait_for("cannot keep service game#0@dev registered"));
  EXPECT_EQ(node.discovery->state().registered, 0U);
  EXPECT_TRUE(eventually([&] { return node.discovery->state().registered == 1; }));
  EXPECT_EQ(log.count("cannot keep service"), 1U);
}

TEST(LyingConsulTest, StopIsBoundedWhenDeregistrationsAreNotAnswered) {
  LyingConsul consul(honest_but([&](const Request& request) {
    if (request.path.starts_with("/v1/agent/service/deregister/")) return Reply{LyingConsul::kStall};
    return Reply{200, ""};
  }));
  auto config = quick(consul.url());
  config.request_timeout = 60s;
  Node node(config);
  node.discovery->register_service(service("game", 0));
  ASSERT_TRUE(eventually([&] { return node.discovery->state().registered == 1; }));
  const auto start = std::chrono::steady_clock::now();
  node.discovery->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

}  // namespace
}  // namespace cm::discovery
