// The whole room on real sockets of this machine's loopback.
#include "session/gateway.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/host_port.hpp"
#include "support/captured_log.hpp"
#include "support/fake_service.hpp"
#include "support/fake_transport.hpp"
#include "support/notice_reader.hpp"
#include "support/wait.hpp"

namespace cm::session {
namespace {

using routing::Delivery;
using routing::Kind;
using routing::ServiceRef;
using test::FakeService;
using test::Received;
using test::wire_frame;

constexpr std::uint16_t kPing = 10;
constexpr std::uint16_t kTalk = 31;
constexpr int kBoundMs = 20'000;

// A client's socket. Blocking, every wait has a bound.
class Peer {
 public:
  Peer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  explicit Peer(std::uint16_t port) : Peer() { connect(port); }

  void connect(std::uint16_t port) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  }
  void send(const std::vector<std::byte>& bytes) const {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto n = ::send(fd_.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return;
      at += static_cast<std::size_t>(n);
    }
  }
  // The next frame; id 0 and "end" or "reset" when there is none.
  Received read() {
    while (true) {
      const auto d = net::decode_frame(in_, net::kMaxFrameBody);
      if (d.status == net::Decoded::Status::complete) {
        Received r{d.id, {reinterpret_cast<const char*>(d.body.data()), d.body.size()}};
        in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(d.size));
        return r;
      }
      pollfd waits{fd_.get(), POLLIN, 0};
      if (::poll(&waits, 1, kBoundMs) <= 0) return {0, "nothing"};
      std::byte buffer[65536];
      const auto n = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
      if (n <= 0) return {0, n == 0 ? "end" : "reset"};
      in_.insert(in_.end(), buffer, buffer + n);
    }
  }
  std::uint32_t read_notice() {
    const Received r = read();
    EXPECT_EQ(r.id, kNoticeId) << r.body;
    const auto notice = test::read_notice(r.body);
    return notice ? notice->code : 0;
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  net::Fd fd_;
  std::vector<std::byte> in_;
};

class GatewayTest : public testing::Test {
 protected:
  void SetUp() override {
    for (unsigned i = 0; i < 2; ++i) workers.push_back(std::make_unique<net::IoWorker>(i));
    gateway = std::make_unique<Gateway>(workers, registry, routes);
    for (const auto& worker : workers) worker->start();
    EXPECT_TRUE(routes.set({"agent", "1.0.0", {{kPing, "Ping", routing::RouteMode::pass}}}).has_value());
    EXPECT_TRUE(routes.set({"game", "1.0.0", {{kTalk, "Talk", routing::RouteMode::pass}}}).has_value());
    owner = names.service("agent#0@t");
    agent = up("agent#0@t");
    options.routes = true;
    options.address = "127.0.0.1";
  }
  void TearDown() override {
    gateway.reset();
    workers.clear();
  }

  std::shared_ptr<FakeService> up(const std::string& id) {
    auto service = std::make_shared<FakeService>();
    routing::ServiceEntry entry;
    entry.ref = names.service(id);
    entry.kind = names.kind_of(entry.ref);
    entry.mailbox = service;
    EXPECT_TRUE(registry.put(entry).has_value());
    return service;
  }
  std::uint16_t open() {
    const auto opened = gateway->open(owner, options);
    EXPECT_TRUE(opened.has_value()) << opened.error().text;
    gateway->accept(owner);
    return opened->port;
  }
  bool opened(std::size_t count) {
    return test::wait_until([&] { return agent->got(Kind::client_opened).size() == count; });
  }
  Delivery deliver(Kind kind, routing::ClientId client, std::uint16_t id, std::string_view body) {
    const auto bytes = test::bytes_of(body);
    return gateway->clients(owner)->deliver(
        {.kind = kind, .msg_id = id, .to = owner, .from = owner, .client = client, .body = bytes});
  }

  test::CapturedLog log{base::Room::session};
  routing::Names names;
  routing::Registry registry{names};
  routing::Routes routes{names};
  std::vector<std::unique_ptr<net::IoWorker>> workers;
  std::unique_ptr<Gateway> gateway;
  routing::FrontendOptions options;
  ServiceRef owner{};
  std::shared_ptr<FakeService> agent;
};

TEST_F(GatewayTest, MessagesGoInAndAnswersComeOut) {
  Peer peer(open());
  peer.send(wire_frame(kPing, "hello"));
  ASSERT_TRUE(test::wait_until([&] { return agent->got(Kind::client_message).size() == 1; }));
  const auto got = agent->got(Kind::client_message)[0];
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(deliver(Kind::to_client, got.client, 50, "answer"), Delivery::sent);
  EXPECT_EQ(peer.read(), (Received{50, "answer"}));
  const Stats stats = gateway->stats();
  EXPECT_EQ(stats.messages_in, 1U);
  EXPECT_EQ(stats.bytes_in, 9U);
  EXPECT_EQ(stats.messages_out, 1U);
  EXPECT_EQ(stats.accepted, 1U);
}

TEST_F(GatewayTest, ClientsAreSharedAmongTheWorkers) {
  const auto port = open();
  std::vector<Peer> peers;
  for (int i = 0; i < 6; ++i) peers.emplace_back(port);
  ASSERT_TRUE(opened(6));
  std::set<std::uint64_t> numbers;
  int on_first = 0;
  for (const auto& got : agent->got(Kind::client_opened)) {
    numbers.insert(got.client.session);
    if (SessionNumber::worker(got.client.session) == 0) ++on_first;
    EXPECT_EQ(deliver(Kind::admit, got.client, 0, {}), Delivery::sent);
  }
  EXPECT_EQ(numbers.size(), 6U);
  EXPECT_EQ(on_first, 3);
  EXPECT_EQ(deliver(Kind::broadcast, {}, 60, "all"), Delivery::sent);
  for (Peer& peer : peers) EXPECT_EQ(peer.read(), (Received{60, "all"}));
  EXPECT_EQ(gateway->counts(owner).clients, 6U);
  EXPECT_EQ(gateway->counts(owner).admitted, 6U);
  const auto rows = gateway->list(owner, 100);
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_TRUE(rows[0].address.starts_with("127.0.0.1:")) << rows[0].address;
  EXPECT_EQ(gateway->list(ServiceRef::none, 4).size(), 4U);
}

TEST_F(GatewayTest, AMessageToAListCrossesWorkers) {
  const auto port = open();
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) peers.emplace_back(port);
  ASSERT_TRUE(opened(4));
  std::string list("\4\0\0\0", 4);
  for (const auto& got : agent->got(Kind::client_opened)) {
    list.append(reinterpret_cast<const char*>(&got.client.session), sizeof(got.client.session));
  }
  EXPECT_EQ(deliver(Kind::to_clients, {}, 50, list + "hi"), Delivery::sent);
  for (Peer& peer : peers) EXPECT_EQ(peer.read(), (Received{50, "hi"}));
}

TEST_F(GatewayTest, NobodyIsAcceptedBeforeTheServiceHasStarted) {
  const auto result = gateway->open(owner, options);
  ASSERT_TRUE(result.has_value());
  Peer peer(result->port);
  peer.send(wire_frame(kPing, "early"));
  for (const auto& worker : workers) worker->run_and_wait([] {});
  EXPECT_TRUE(agent->got().empty());
  gateway->accept(owner);
  EXPECT_TRUE(test::wait_until([&] { return agent->got(Kind::client_message).size() == 1; }));
}

TEST_F(GatewayTest, AFrontendThatCannotListenSaysWhy) {
  const auto port = open();
  const auto refusal = [&](const std::string& service) {
    const auto result = gateway->open(names.service(service), options);
    return result ? std::string() : result.error().text;
  };
  EXPECT_NE(refusal("agent#0@t").find("already"), std::string::npos);
  options.port = port;
  EXPECT_NE(refusal("login#0@t").find("choose another port"), std::string::npos);
  options.port = 0;
  options.address = "nowhere";
  EXPECT_NE(refusal("login#0@t").find("not an IP address"), std::string::npos);
  options.address = "192.0.2.77";
  EXPECT_NE(refusal("login#0@t").find("address of this machine"), std::string::npos);
  options.address = "127.0.0.1";
  options.max_body = 65'534;
  EXPECT_NE(refusal("login#0@t").find("max_body"), std::string::npos);
  options.max_body = 100;
  EXPECT_EQ(refusal("login#0@t"), "");
}

TEST_F(GatewayTest, ThePublicAddressIsOneThatClientsCanReach) {
  const auto address = [&](const std::string& service) {
    const auto result = gateway->open(names.service(service), options);
    return result ? base::HostPort::parse(result->public_address)->host : result.error().text;
  };
  EXPECT_EQ(address("a#0@t"), "127.0.0.1");
  options.public_host = "play.example";
  EXPECT_EQ(address("a#1@t"), "play.example");
  options.public_host.clear();
  options.address = "0.0.0.0";
  EXPECT_NE(address("a#2@t"), "0.0.0.0");
}

TEST_F(GatewayTest, WhoFindsNoPlaceIsTold) {
  options.max_clients = 1;
  const auto port = open();
  auto first = std::make_unique<Peer>(port);
  ASSERT_TRUE(opened(1));
  Peer second(port);
  EXPECT_EQ(second.read_notice(), 12U);
  EXPECT_EQ(second.read().body, "end");
  first.reset();
  ASSERT_TRUE(test::wait_until([&] { return gateway->counts(owner).clients == 0; }));
  Peer third(port);
  ASSERT_TRUE(opened(2));
  options.max_clients = 2;
  EXPECT_TRUE(gateway->update(owner, options).has_value());
  Peer fourth(port);
  EXPECT_TRUE(opened(3));
}

TEST_F(GatewayTest, StopAcceptingKeepsTheClients) {
  const auto port = open();
  Peer peer(port);
  ASSERT_TRUE(opened(1));
  gateway->stop_accepting(owner);
  workers[0]->run_and_wait([] {});
  Peer late;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_NE(::connect(late.fd(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  peer.send(wire_frame(kPing, "still"));
  EXPECT_TRUE(test::wait_until([&] { return agent->got(Kind::client_message).size() == 1; }));
}

TEST_F(GatewayTest, CloseTellsTheClientsAndTheServices) {
  const auto port = open();
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) peers.emplace_back(port);
  ASSERT_TRUE(opened(4));
  const auto clients = gateway->clients(owner);
  std::thread closer([&] { gateway->close(owner); });
  for (Peer& peer : peers) {
    EXPECT_EQ(peer.read_notice(), 9U);
    EXPECT_EQ(peer.read().body, "end");
  }
  peers.clear();
  closer.join();
  EXPECT_EQ(agent->got(Kind::client_closed).size(), 4U);
  EXPECT_EQ(clients->deliver({.kind = Kind::close_all, .status = 8, .to = owner, .client = {}, .body = {}}),
            Delivery::gone);
  EXPECT_EQ(gateway->clients(owner), nullptr);
  EXPECT_NE(open(), 0) << "it may be opened again";
}

TEST_F(GatewayTest, ClosingDoesNotWaitForClientsForEver) {
  Peer peer(open());
  ASSERT_TRUE(opened(1));
  const auto begun = test::Clock::now();
  gateway->close(owner);
  EXPECT_LT(test::Clock::now() - begun, test::patience(std::chrono::seconds(6)));
  EXPECT_EQ(peer.read_notice(), 9U);
}

TEST_F(GatewayTest, TheNoticeIsNotLostToAResetWhenTheClientGoesOnSending) {
  const auto port = open();
  for (int round = 0; round < 20; ++round) {
    Peer peer(port);
    auto bytes = wire_frame(kPing, "x");
    bytes.resize(bytes.size() + 300'000);  // length 0
    peer.send(bytes);
    EXPECT_EQ(peer.read_notice(), 2U);
    EXPECT_EQ(peer.read().body, "end");
  }
}

TEST_F(GatewayTest, AClientThatResetsIsGone) {
  auto peer = std::make_unique<Peer>(open());
  ASSERT_TRUE(opened(1));
  const linger hard{1, 0};
  ::setsockopt(peer->fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  peer.reset();
  EXPECT_TRUE(test::wait_until([&] { return agent->got(Kind::client_closed).size() == 1; }));
}

TEST_F(GatewayTest, RegistryEventsReachTheSessions) {
  const auto game = up("game#0@t");
  game->answer(Delivery::full);
  Peer peer(open());
  peer.send(wire_frame(kTalk, "t"));
  ASSERT_TRUE(test::wait_until([&] { return game->asked() == 1; }));
  game->answer(Delivery::sent);
  registry.notify_room(names.service("game#0@t"));
  ASSERT_TRUE(test::wait_until([&] { return game->got().size() == 1; }));
  const auto client = agent->got(Kind::client_opened)[0].client;
  EXPECT_EQ(deliver(Kind::bind, client, 0, "game#0@t"), Delivery::sent);
  ASSERT_TRUE(test::wait_until([&] { return gateway->list(owner, 1)[0].bindings.size() == 1; }));
  registry.remove(names.service("game#0@t"));
  EXPECT_EQ(peer.read_notice(), 104U);
}

TEST_F(GatewayTest, OutOfDescriptorsItWaitsAndGoesOn) {
  const auto port = open();
  std::vector<Peer> peers(3);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{256, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<net::Fd> all;
  while (true) {
    net::Fd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!fd) break;
    all.push_back(std::move(fd));
  }
  for (Peer& peer : peers) {
    peer.connect(port);  // as far as the kernel goes
    peer.send(wire_frame(kPing));
  }
  for (int i = 0; i < 3; ++i) workers[0]->run_and_wait([] {});
  EXPECT_TRUE(agent->got().empty());
  all.clear();
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(test::wait_until([&] { return agent->got(Kind::client_message).size() == 3; }));
}

// The process may have `limit` descriptors while this lives.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t limit) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit few{limit, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

  // Takes all below this number.
  void take(int number) {
    while (true) {
      net::Fd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (fd.get() >= number) return;
      taken_.push_back(std::move(fd));
    }
  }
  void give_back() { taken_.clear(); }

 private:
  rlimit before_{};
  std::vector<net::Fd> taken_;
};

TEST_F(GatewayTest, ClientsLeaveAReserveOfDescriptors) {
  FewDescriptors few(256);  // 64 are kept: clients have those below 192, and are told of it below 224
  const auto port = open();
  std::vector<Peer> peers(3);
  few.take(191);
  peers[0].connect(port);
  ASSERT_TRUE(opened(1));
  peers[1].connect(port);
  EXPECT_EQ(peers[1].read_notice(), static_cast<std::uint32_t>(CloseReason::full));
  EXPECT_EQ(peers[1].read().body, "end");
  few.take(224);
  peers[2].connect(port);
  EXPECT_NE(peers[2].read().body, "nothing") << "there is none to tell it";
  EXPECT_EQ(agent->got(Kind::client_opened).size(), 1U);
  EXPECT_EQ(gateway->stats().closed[static_cast<std::size_t>(CloseReason::full)], 1U);
  EXPECT_EQ(gateway->stats().turned_away, 1U);
  few.give_back();
  const Peer another(port);
  EXPECT_TRUE(opened(2));
}

TEST_F(GatewayTest, MaxClientsFollowsTheLimitOfDescriptors) {
  const FewDescriptors few(256);
  options.max_clients = 100'000;
  open();
  const std::string line = "agent#0@t takes at most 192 clients, not max_clients=100000";
  EXPECT_EQ(log.count(line, spdlog::level::info), 1U);
  EXPECT_TRUE(gateway->update(owner, options));
  EXPECT_EQ(log.count("takes at most", spdlog::level::info), 1U) << "it is said once";
  options.max_clients = 100;
  EXPECT_TRUE(gateway->update(owner, options));
  EXPECT_EQ(log.count("takes at most", spdlog::level::info), 1U);
}

TEST_F(GatewayTest, ConnectionsGetThePeerTimeoutOfTheirListener) {
  const auto port = open();
  Peer peer(port);
  ASSERT_TRUE(opened(1));
  // The client's own descriptor is not the one that was accepted: that one is looked for.
  int keepalive = 0;
  for (int fd = 3; fd < 256; ++fd) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0 || at.sin_port != htons(port)) continue;
    size = sizeof at;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) continue;
    unsigned timeout = 0;
    size = sizeof timeout;
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, &size), 0);
    EXPECT_EQ(timeout, 20'000U);
    EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keepalive, &size), 0);
  }
  EXPECT_NE(keepalive, 0);
}

TEST_F(GatewayTest, ManySendersAndClientsAtOnce) {
  const auto port = open();
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) peers.emplace_back(port);
  ASSERT_TRUE(opened(4));
  const auto clients = agent->got(Kind::client_opened);
  constexpr int kEach = 2000;
  std::vector<std::thread> senders;
  for (std::uint16_t s = 1; s <= 2; ++s) {
    senders.emplace_back([&, s] {
      for (int i = 0; i < kEach; ++i) {
        for (const auto& client : clients) {
          while (deliver(Kind::to_client, client.client, s, std::to_string(i)) == Delivery::full) {
            std::this_thread::yield();
          }
        }
      }
    });
  }
  std::vector<std::thread> readers;
  for (Peer& peer : peers) {
    readers.emplace_back([&peer] {
      int next[3] = {0, 0, 0};
      for (int i = 0; i < 2 * kEach; ++i) {
        const Received r = peer.read();
        ASSERT_TRUE(r.id == 1 || r.id == 2) << r.body;
        ASSERT_EQ(r.body, std::to_string(next[r.id]++));
      }
    });
  }
  for (auto& thread : senders) thread.join();
  for (auto& thread : readers) thread.join();
}

TEST(GatewayLife, OneWhoseWorkersNeverStartedGoesQuietly) {
  routing::Names names;
  routing::Registry registry(names);
  routing::Routes routes(names);
  std::vector<std::unique_ptr<net::IoWorker>> workers;
  workers.push_back(std::make_unique<net::IoWorker>(0));
  Gateway gateway(workers, registry, routes);
  routing::FrontendOptions options;
  options.address = "127.0.0.1";
  EXPECT_TRUE(gateway.open(names.service("agent#0@t"), options).has_value());
}

}  // namespace
}  // namespace cm::session
