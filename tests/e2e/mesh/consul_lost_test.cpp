// Consul goes for half a minute, and comes back without a memory.
#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <deque>
#include <thread>

#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

constexpr seconds kGone{30};
constexpr seconds kAfter{12};  // of traffic on an empty catalog, until well after everything registered again

constexpr milliseconds kPace{10};  // of each player's lines

// A player who chats on a thread of their own, a line after the other, and notes the first thing that goes wrong.
class Chatter {
 public:
  explicit Chatter(Client client) : client_(std::move(client)), thread_([this] { run(); }) {}
  ~Chatter() { stop(); }
  Chatter(const Chatter&) = delete;
  Chatter& operator=(const Chatter&) = delete;

  // What went wrong; empty when nothing did.
  std::string stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return trouble_;
  }
  [[nodiscard]] int lines() const { return lines_; }
  [[nodiscard]] bool in_trouble() const { return in_trouble_; }

 private:
  void run() {
    try {
      while (!stopping_) {
        const std::string line = client_.local_address() + " says line " + std::to_string(lines_);
        client_.send(chat_req(line));
        for (;;) {
          const auto frame = client_.read(seconds(5));
          if (!frame) throw std::runtime_error("closed by the gateway");
          if (frame->is<proto::NoticeACK>()) throw std::runtime_error(frame->as<proto::NoticeACK>().text());
          if (frame->is<proto::ChatACK>() && frame->as<proto::ChatACK>().content() == line) break;
        }
        ++lines_;
        std::this_thread::sleep_for(kPace);
      }
    } catch (const std::exception& e) {
      trouble_ = e.what();
      in_trouble_ = true;
    }
  }

  Client client_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> in_trouble_{false};
  std::atomic<int> lines_{0};
  std::string trouble_;
  std::thread thread_;  // last: it uses the others
};

bool all_registered(ConsulServer& consul) {
  for (const std::string kind : {"agent", "login", "game", "hub", "echo"}) {
    const auto reply = consul.request("GET", "/v1/health/service/" + kind + "?passing");
    if (reply.status != 200 || reply.body.find(kind + "#0@dev") == std::string::npos) return false;
  }
  return true;
}

TEST(ConsulLost, TrafficGoesOnAndAllIsRegisteredAndWrittenBack) {
  Deployment mesh(Shape::consul, with_every_transport());
  ConsulServer& consul = mesh.consul();
  consul.kv_put("cellmesh/config/agent/heartbeat_sec", "1234");
  const auto heartbeat = [&] {
    return mesh.host("agent")
        .query({"settings", "get", "agent/heartbeat_sec"})
        .as_array()
        .at(0)
        .at("value")
        .as_string();
  };
  ASSERT_TRUE(wait_until([&] { return heartbeat() == "1234"; }));
  const auto routes = consul.kv_get("cellmesh/routes/game");
  ASSERT_TRUE(routes);
  ASSERT_TRUE(wait_until([&] { return all_registered(consul); }));

  std::deque<Chatter> chatters;
  for (auto& player : players_by_every_transport(mesh)) chatters.emplace_back(std::move(player));
  const auto chat_on = [&] {
    return std::none_of(chatters.begin(), chatters.end(), [](const auto& one) { return one.in_trouble(); });
  };
  const auto stop = [&] {
    std::string trouble;
    for (auto& chatter : chatters) trouble += chatter.stop();
    return trouble;
  };
  consul.kill9();
  EXPECT_TRUE(stays_true(chat_on, kGone)) << stop();
  // Who comes now is served from what was last known.
  for (auto& late : players_by_every_transport(mesh)) chat(late, "Consul is away");
  EXPECT_EQ(heartbeat(), "1234");

  consul.start();
  EXPECT_TRUE(wait_until([&] { return all_registered(consul); }));
  EXPECT_TRUE(wait_until([&] { return consul.kv_get("cellmesh/config/agent/heartbeat_sec") == "1234"; }));
  EXPECT_TRUE(wait_until([&] { return consul.kv_get("cellmesh/routes/game") == routes; }));
  EXPECT_TRUE(stays_true(chat_on, kAfter)) << stop();
  EXPECT_EQ(stop(), "");
  for (const auto& chatter : chatters) EXPECT_GT(chatter.lines(), 100);
  EXPECT_EQ(heartbeat(), "1234");
  Client later = mesh.player();
  chat(later, "Consul is back");
  mesh.await_serving();
  for (Host* host : mesh.hosts()) EXPECT_TRUE(host->process().running());
}

}  // namespace
}  // namespace cm::test
