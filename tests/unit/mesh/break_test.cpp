// Connections that break: what was sent arrives once and in order while both processes live.
#include <random>
#include <thread>

#include "unit/mesh/harness.hpp"

namespace cm::mesh {
namespace {

using LinkBreaks = LinkTest;

// Checks that the numbers of each stream (a msg_id) come one after the other, with the body that belongs to them.
class Checker {
 public:
  void on(const Envelope& e) {
    if (e.msg_id >= next_.size() || e.body.size() < 8) {
      ++wrong_;
      return;
    }
    std::uint64_t number = 0;
    std::memcpy(&number, e.body.data(), 8);
    if (number != next_[e.msg_id].fetch_add(1)) ++wrong_;
    for (std::size_t i = 8; i < e.body.size(); ++i) {
      if (e.body[i] != static_cast<std::byte>(number + i)) ++wrong_;
    }
  }
  [[nodiscard]] std::uint64_t seen(std::uint16_t stream) const { return next_[stream]; }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }

 private:
  std::array<std::atomic<std::uint64_t>, 4> next_{};
  std::atomic<std::uint64_t> wrong_{0};
};

std::string body_of(std::uint64_t number, std::size_t size) {
  std::string body(8 + size, '\0');
  std::memcpy(body.data(), &number, 8);
  for (std::size_t i = 8; i < body.size(); ++i) body[i] = static_cast<char>(number + i);
  return body;
}

// Sends random messages from a thread of its own, or from the io worker that a link may live on, until told to end.
class Traffic {
 public:
  Traffic(Host& host, const std::string& to, const std::string& from, std::uint16_t stream, net::IoWorker* worker)
      : host_(host), envelope_(host.envelope(Kind::message, to, from)), random_(stream + 1U) {
    envelope_.msg_id = stream;
    thread_ = std::thread([this, worker] {
      while (!end_) {
        if (worker != nullptr) {
          worker->run_and_wait([this] { burst(); });
        } else {
          burst();
        }
        std::this_thread::yield();
      }
    });
  }
  ~Traffic() { finish(); }
  std::uint64_t finish() {
    end_ = true;
    if (thread_.joinable()) thread_.join();
    return sent_;
  }

 private:
  void burst() {
    for (auto n = random_() % 20; n != 0; --n) {
      const std::size_t size = random_() % 50 == 0 ? random_() % 100'000 : random_() % 300;
      const std::string body = body_of(sent_, size);
      envelope_.body = bytes_of(body);
      if (host_.deliver(envelope_) != Delivery::sent) return;
      ++sent_;
    }
  }

  Host& host_;
  Envelope envelope_;
  std::minstd_rand random_;
  std::atomic<bool> end_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::thread thread_;
};

TEST_F(LinkBreaks, NothingIsLostDoubledOrReorderedOverManyCuts) {
  constexpr int kCuts = 200;
  Config config_a = config_of("a");
  Config config_b = config_of("b");
  config_a.grace = config_b.grace = 600s;
  link(config_a, config_b);
  a->mesh->set_peers({b->record(proxy->address())});
  Checker at_game;
  Checker at_hub;
  game->on_deliver = [&](const Envelope& e) { at_game.on(e); };
  hub->on_deliver = [&](const Envelope& e) { at_hub.on(e); };
  {
    Traffic t0(*a, "hub#0@t", "game#0@t", 0, nullptr);
    Traffic t1(*a, "hub#0@t", "game#0@t", 1, &a->worker(0));
    Traffic t2(*a, "hub#0@t", "game#0@t", 2, &a->worker(1));
    Traffic t3(*b, "game#0@t", "hub#0@t", 0, nullptr);
    Traffic t4(*b, "game#0@t", "hub#0@t", 1, &b->worker(0));
    Traffic t5(*b, "game#0@t", "hub#0@t", 2, &b->worker(1));
    std::minstd_rand random{7};
    for (int i = 0; i < kCuts; ++i) {
      proxy->chop(1 + random() % 30'000);
      proxy->cut_after(1 + random() % 300'000, random() % 2 == 0);
      ASSERT_TRUE(wait_until([&] { return !proxy->cut_is_due(); })) << i;
    }
    const std::array<std::uint64_t, 3> to_hub{t0.finish(), t1.finish(), t2.finish()};
    const std::array<std::uint64_t, 3> to_game{t3.finish(), t4.finish(), t5.finish()};
    for (std::uint16_t stream = 0; stream < 3; ++stream) {
      EXPECT_TRUE(wait_until([&] { return at_hub.seen(stream) >= to_hub[stream]; })) << stream;
      EXPECT_TRUE(wait_until([&] { return at_game.seen(stream) >= to_game[stream]; })) << stream;
      EXPECT_EQ(at_hub.seen(stream), to_hub[stream]);
      EXPECT_EQ(at_game.seen(stream), to_game[stream]);
      EXPECT_GT(to_hub[stream], 0U);
    }
  }
  EXPECT_EQ(at_hub.wrong(), 0U);
  EXPECT_EQ(at_game.wrong(), 0U);
  EXPECT_EQ(a->downs, 0U);
  EXPECT_EQ(b->downs, 0U);
  EXPECT_EQ(a->link("b").lost, 0U);
  EXPECT_EQ(b->link("a").lost, 0U);
}

// Every byte of the handshake and of the first frames once: wherever the cut falls, both sides agree again.
TEST_F(LinkBreaks, ACutAtAnyByteOfTheHandshakeLosesNothing) {
  Config config_a = config_of("a");
  Config config_b = config_of("b");
  config_a.grace = config_b.grace = 600s;
  link(config_a, config_b);
  std::uint64_t sent = 0;
  for (std::uint64_t bytes = 1; bytes < 500; bytes += 7) {
    proxy->cut(false);
    proxy->cut_after(bytes, bytes % 2 == 0);
    for (int i = 0; i < 3; ++i, ++sent) {
      ASSERT_EQ(a->send("hub#0@t", "game#0@t", std::to_string(sent)), Delivery::sent);
      ASSERT_EQ(b->send("game#0@t", "hub#0@t", std::to_string(sent)), Delivery::sent);
    }
    ASSERT_TRUE(wait_until([&] { return !proxy->cut_is_due(); })) << bytes;
  }
  for (FakeService* service : {game, hub}) {
    ASSERT_TRUE(wait_until([&] { return service->got().size() >= sent; }));
    const auto got = service->got();
    ASSERT_EQ(got.size(), sent);
    for (std::uint64_t i = 0; i < sent; ++i) ASSERT_EQ(got[i].body, std::to_string(i));
  }
}

// The same of the handshake that begins the streams.
TEST_F(LinkBreaks, ACutAtAnyByteOfTheFirstHandshakeLosesNothing) {
  for (std::uint64_t bytes = 1; bytes < 500; bytes += 17) {
    Config config_a = config_of("a");
    Config config_b = config_of("b");
    config_a.grace = config_b.grace = 600s;
    b = std::make_unique<Host>(config_b);
    proxy = std::make_unique<TcpProxy>(b->address);
    a = std::make_unique<Host>(config_a);
    game = &a->up("game#0@t");
    hub = &b->up("hub#0@t");
    proxy->cut_after(bytes, bytes % 2 == 0);
    a->dial(*b, proxy->address());
    ASSERT_TRUE(a->wait_sees("hub#0@t"));
    ASSERT_TRUE(b->wait_sees("game#0@t"));
    constexpr std::size_t kMessages = 10;
    for (std::size_t i = 0; i < kMessages; ++i) {
      ASSERT_EQ(a->send("hub#0@t", "game#0@t", std::to_string(i)), Delivery::sent);
      ASSERT_EQ(b->send("game#0@t", "hub#0@t", std::to_string(i)), Delivery::sent);
    }
    for (FakeService* service : {game, hub}) {
      ASSERT_TRUE(wait_until([&] { return service->got().size() >= kMessages; }));
      const auto got = service->got();
      ASSERT_EQ(got.size(), kMessages);
      for (std::size_t i = 0; i < kMessages; ++i) ASSERT_EQ(got[i].body, std::to_string(i));
    }
    ASSERT_EQ(a->downs + b->downs, 0U) << bytes;
  }
}

TEST_F(LinkBreaks, NothingIsLostWhenBothDialAndBothAreCut) {
  Config config_a = config_of("a");
  Config config_b = config_of("b");
  config_a.grace = config_b.grace = 600s;
  a = std::make_unique<Host>(config_a);
  b = std::make_unique<Host>(config_b);
  game = &a->up("game#0@t");
  hub = &b->up("hub#0@t");
  Checker at_game;
  Checker at_hub;
  game->on_deliver = [&](const Envelope& e) { at_game.on(e); };
  hub->on_deliver = [&](const Envelope& e) { at_hub.on(e); };
  proxy = std::make_unique<TcpProxy>(b->address);
  TcpProxy back(a->address);
  a->dial(*b, proxy->address());
  b->dial(*a, back.address());
  ASSERT_TRUE(a->wait_sees("hub#0@t"));
  ASSERT_TRUE(b->wait_sees("game#0@t"));
  Traffic there(*a, "hub#0@t", "game#0@t", 0, nullptr);
  Traffic here(*b, "game#0@t", "hub#0@t", 0, nullptr);
  std::minstd_rand random{9};
  for (int i = 0; i < 60; ++i) {
    TcpProxy& used = random() % 2 == 0 ? *proxy : back;
    TcpProxy& other = &used == &back ? *proxy : back;
    used.cut_after(1 + random() % 2000, random() % 2 == 0);
    ASSERT_TRUE(wait_until([&] {
      other.cut(random() % 2 == 0);
      return !used.cut_is_due();
    })) << i;
  }
  const std::uint64_t to_hub = there.finish();
  const std::uint64_t to_game = here.finish();
  EXPECT_TRUE(wait_until([&] { return at_hub.seen(0) >= to_hub && at_game.seen(0) >= to_game; }));
  EXPECT_EQ(at_hub.seen(0), to_hub);
  EXPECT_EQ(at_game.seen(0), to_game);
  EXPECT_EQ(at_hub.wrong() + at_game.wrong(), 0U);
  EXPECT_EQ(a->downs + b->downs, 0U);
}

TEST_F(LinkBreaks, ServicesStayForTheGraceTimeAndThenGo) {
  link();
  proxy->refuse(true);
  proxy->cut(true);
  ASSERT_TRUE(wait_until([&] { return a->link("b").state != "up"; }));
  EXPECT_TRUE(a->sees("hub#0@t"));
  EXPECT_EQ(a->send("hub#0@t", "game#0@t", "waits"), Delivery::sent);
  EXPECT_TRUE(wait_until([&] { return !a->sees("hub#0@t"); }));
  EXPECT_EQ(a->send("hub#0@t", "game#0@t", "x"), Delivery::gone);
  EXPECT_TRUE(wait_until([&] { return a->link("b").lost == 1; }));
  EXPECT_TRUE(wait_until([&] { return !b->sees("game#0@t"); }));
  // It is dialed on, and comes back whole.
  proxy->refuse(false);
  ASSERT_TRUE(a->wait_sees("hub#0@t"));
  a->send_all(a->envelope(Kind::message, "hub#0@t", "game#0@t", "anew"));
  ASSERT_TRUE(wait_until([&] { return hub->got().size() == 1; }));
  EXPECT_EQ(hub->got()[0].body, "anew");
}

TEST_F(LinkBreaks, APeerThatGaveUpMakesTheOtherBeginAnew) {
  Config patient = config_of("a");
  patient.grace = 600s;
  link(patient, config_of("b"));
  proxy->refuse(true);
  proxy->cut(true);
  ASSERT_TRUE(wait_until([&] { return !b->sees("game#0@t"); }));
  EXPECT_TRUE(a->sees("hub#0@t"));
  EXPECT_EQ(a->send("hub#0@t", "game#0@t", "of the old stream"), Delivery::sent);
  const auto downs = a->downs.load();
  proxy->refuse(false);
  ASSERT_TRUE(b->wait_sees("game#0@t"));
  EXPECT_TRUE(wait_until([&] { return a->downs > downs && a->sees("hub#0@t"); }));
  a->send_all(a->envelope(Kind::message, "hub#0@t", "game#0@t", "of the new"));
  ASSERT_TRUE(wait_until([&] { return hub->got().size() == 1; }));
  EXPECT_EQ(hub->got()[0].body, "of the new");
}

TEST_F(LinkBreaks, SilenceBreaksTheLink) {
  Config impatient = config_of("a");
  impatient.silence = test::patience(500ms);
  link(impatient);
  const auto before = proxy->connections();
  proxy->hold(true);
  EXPECT_TRUE(wait_until([&] { return proxy->connections() > before; }));
  ASSERT_EQ(a->send("hub#0@t", "game#0@t", "x"), Delivery::sent);
  EXPECT_TRUE(wait_until([&] { return hub->got().size() == 1; }));
  EXPECT_EQ(a->downs, 0U);
}

TEST_F(LinkBreaks, ChangesWhileBrokenAreToldAfter) {
  Config config_a = config_of("a");
  Config config_b = config_of("b");
  config_a.grace = config_b.grace = 600s;
  link(config_a, config_b);
  proxy->refuse(true);
  proxy->cut(false);
  ASSERT_TRUE(wait_until([&] { return b->link("a").state != "up"; }));
  b->up("chat#0@t");
  b->down("hub#0@t");
  proxy->refuse(false);
  EXPECT_TRUE(a->wait_sees("chat#0@t"));
  EXPECT_TRUE(wait_until([&] { return !a->sees("hub#0@t"); }));
}

}  // namespace
}  // namespace cm::mesh
