// Several listeners of one frontend, on real sockets of this machine's loopback.
#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "session/gateway.hpp"
#include "support/captured_log.hpp"
#include "support/fake_service.hpp"
#include "support/wait.hpp"

namespace cm::session {
namespace {

using routing::ListenerOptions;
using routing::Transport;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int kPollMs = 20'000;
const std::string kUpgrade =
    "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

class Listeners : public testing::Test {
 protected:
  void SetUp() override {
    for (unsigned i = 0; i < 2; ++i) workers.push_back(std::make_unique<net::IoWorker>(i));
    gateway = std::make_unique<Gateway>(workers, registry, routes);
    for (const auto& worker : workers) worker->start();
    owner = names.service("agent#0@t");
    agent = std::make_shared<test::FakeService>();
    routing::ServiceEntry entry;
    entry.ref = owner;
    entry.kind = names.kind_of(owner);
    entry.mailbox = agent;
    EXPECT_TRUE(registry.put(entry).has_value());
    frontend.address = "127.0.0.1";
    listener.transport = Transport::ws;
  }
  void TearDown() override {
    gateway.reset();
    workers.clear();
  }

  void open() {
    EXPECT_TRUE(gateway->open(owner, frontend).has_value());
    gateway->accept(owner);
  }
  std::uint16_t add() {
    const auto added = gateway->add_listener(owner, listener);
    EXPECT_TRUE(added.has_value()) << added.error().text;
    number = added->number;
    return added->port;
  }
  std::string refusal() {
    const auto added = gateway->add_listener(owner, listener);
    return added ? std::string() : added.error().text;
  }
  net::Fd connect(std::uint16_t port) {
    net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    return fd;
  }
  static void send(const net::Fd& fd, const std::string& text) {
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // All that comes until the other side closes, or until `end` came.
  static std::string read(const net::Fd& fd, const std::string& end = {}) {
    std::string all;
    while (end.empty() || all.find(end) == std::string::npos) {
      pollfd waits{fd.get(), POLLIN, 0};
      if (::poll(&waits, 1, kPollMs) <= 0) return all + "[nothing more]";
      char part[4096];
      const auto n = ::recv(fd.get(), part, sizeof part, 0);
      if (n <= 0) return all;
      all.append(part, static_cast<std::size_t>(n));
    }
    return all;
  }
  std::string ask(std::uint16_t port, const std::string& request) {
    const auto fd = connect(port);
    send(fd, request);
    return read(fd);
  }

  test::CapturedLog log{base::Room::session};
  std::vector<std::unique_ptr<net::IoWorker>> workers;
  routing::Names names;
  routing::Registry registry{names};
  routing::Routes routes{names};
  std::unique_ptr<Gateway> gateway;
  routing::ServiceRef owner{};
  std::shared_ptr<test::FakeService> agent;
  routing::FrontendOptions frontend;
  ListenerOptions listener;
  std::uint32_t number = 0;
};

TEST_F(Listeners, AreListedByNumberWithTheirUrls) {
  open();
  const auto port = add();
  const auto all = gateway->listeners(owner);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].number, 1U);
  EXPECT_EQ(all[0].urls.front(), "tcp://127.0.0.1:" + std::to_string(all[0].port));
  EXPECT_EQ(all[1].number, 2U);
  EXPECT_EQ(all[1].transport, Transport::ws);
  EXPECT_EQ(all[1].urls.front(), "ws://127.0.0.1:" + std::to_string(port) + "/");
}

TEST_F(Listeners, FirstNeedNotBeTcpAndThenItsAddressIsAUrl) {
  const auto opened = gateway->open(owner, frontend, listener);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->public_address, "ws://127.0.0.1:" + std::to_string(opened->port) + "/");
  EXPECT_EQ(gateway->listeners(owner).at(0).port, opened->port);
}

TEST_F(Listeners, WhoHasShakenHandsIsAClientAndOnlyThen) {
  open();
  const auto port = add();
  const auto silent = connect(port);
  const auto client = connect(port);
  send(client, "GET / HTTP/1.1\r\n" + kUpgrade);
  EXPECT_THAT(read(client, "\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
  ASSERT_TRUE(test::wait_until([&] { return agent->got(routing::Kind::client_opened).size() == 1; }));
  EXPECT_EQ(gateway->counts(owner).clients, 1U);
  const auto rows = gateway->list(owner, 10);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].transport, "ws");
}

TEST_F(Listeners, APlainGetGetsThePageAndTheRestAnError) {
  open();
  listener.page_type = "text/html";
  listener.page = "<p>hello</p>";
  const auto port = add();
  EXPECT_THAT(ask(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("\r\n\r\n<p>hello</p>"));
  EXPECT_THAT(ask(port, "GET /?from=here HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("<p>hello</p>"));
  EXPECT_THAT(ask(port, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"), testing::Not(HasSubstr("hello")));
  EXPECT_THAT(ask(port, "GET /else HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask(port, "PUT / HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask(port, "GET / HTTP/1.1\r\n" + kUpgrade.substr(0, kUpgrade.find("Sec-WebSocket-Key")) + "\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(gateway->counts(owner).clients, 0U);

  listener.page_type.clear();
  ASSERT_TRUE(gateway->update_listener(owner, number, listener));
  EXPECT_THAT(ask(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 426 "));
}

TEST_F(Listeners, AHealthCheckIsAnswered) {
  open();
  const auto port = add();
  EXPECT_THAT(ask(port, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), testing::EndsWith("\r\n\r\nok")));
  EXPECT_THAT(ask(port, "GET /healthz?from=balancer HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(port, "HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), testing::EndsWith("\r\n\r\n")));
  EXPECT_THAT(ask(port, "POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask(port, "GET /healthzz HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask(port, "GET /healthz HTTP/1.1\r\n" + kUpgrade), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(gateway->counts(owner).clients, 0U);
}

TEST_F(Listeners, AHealthCheckIsToldWhatIsWrong) {
  open();
  const auto port = add();
  const std::string check = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
  registry.update(owner, [](routing::ServiceEntry& entry) { entry.unhealthy = "the database of 10.0.0.7 is away"; });
  EXPECT_THAT(ask(port, check), testing::AllOf(StartsWith("HTTP/1.1 503 "), testing::EndsWith("\r\n\r\nunhealthy")));
  registry.update(owner, [](routing::ServiceEntry& entry) { entry.unhealthy.clear(); });
  EXPECT_THAT(ask(port, check), StartsWith("HTTP/1.1 200 "));
  registry.update(owner, [](routing::ServiceEntry& entry) { entry.draining = true; });
  EXPECT_THAT(ask(port, check), testing::AllOf(StartsWith("HTTP/1.1 503 "), testing::EndsWith("going down")));
}

TEST_F(Listeners, SelectTheFirstOfferedSubprotocolThatIsListed) {
  open();
  listener.subprotocols = "binary, chat.v2";
  const auto port = add();
  const auto answer = [&](const std::string& fields) {
    const auto fd = connect(port);
    send(fd, "GET / HTTP/1.1\r\n" + fields + kUpgrade);
    const auto text = read(fd, "\r\n\r\n");
    EXPECT_THAT(text, StartsWith("HTTP/1.1 101 ")) << fields;
    return text;
  };
  const std::string name = "Sec-WebSocket-Protocol: ";
  EXPECT_THAT(answer(name + "chat.v3, chat.v2, binary\r\n"), HasSubstr(name + "chat.v2\r\n"));
  EXPECT_THAT(answer(name + "chat.v3\r\n" + name + "binary\r\n"), HasSubstr(name + "binary\r\n"));
  for (const std::string fields : {"", "Sec-WebSocket-Protocol:\r\n", "Sec-WebSocket-Protocol: a b,,\"binary\"\r\n"}) {
    EXPECT_THAT(answer(fields), testing::Not(HasSubstr("Sec-WebSocket-Protocol")));
  }
  listener.subprotocols = "chat.v3";
  ASSERT_TRUE(gateway->update_listener(owner, number, listener));
  EXPECT_THAT(answer(name + "chat.v3, chat.v2\r\n"), HasSubstr(name + "chat.v3\r\n"));
}

TEST_F(Listeners, RefusedOriginsAreCountedAndLogged) {
  open();
  const auto port = add();
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(ask(port, "GET / HTTP/1.1\r\nOrigin: https://evil.example.org\r\n" + kUpgrade),
                StartsWith("HTTP/1.1 403 "));
  }
  EXPECT_EQ(gateway->stats().origins_refused, 20U);
  EXPECT_NE(log.count("service=agent#0@t origin=https://evil.example.org"), 0U);
}

TEST_F(Listeners, ALargePageComesWhole) {
  open();
  listener.page_type = "text/html";
  listener.page = std::string(3U << 20U, 'p');
  const auto text = ask(add(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(text.ends_with(listener.page)) << text.size();
}

TEST_F(Listeners, WhoDoesNotShakeHandsInTimeIsClosed) {
  open();
  listener.handshake_timeout_ms = 200;
  const auto port = add();
  const auto silent = connect(port);
  const auto slow = connect(port);
  send(slow, "GET / HTTP/1.1\r\n");
  EXPECT_EQ(read(silent), "");
  EXPECT_EQ(read(slow), "");
  EXPECT_TRUE(test::wait_until([&] { return gateway->stats().not_entered == 2; }));
}

TEST_F(Listeners, OneHandshakeTooManyIsClosedAndAnEndedOneMakesRoom) {
  open();
  listener.max_handshakes = 1;
  const auto port = add();
  auto first = connect(port);
  // The first is counted once the second is refused.
  EXPECT_TRUE(test::wait_until([&] { return gateway->stats().not_entered != 0 || read(connect(port)).empty(); }));
  first.reset();
  EXPECT_TRUE(
      test::wait_until([&] { return ask(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 426 "); }));
}

TEST_F(Listeners, AFrontendThatClosesEndsHandshakesToo) {
  open();
  const auto port = add();
  const auto silent = connect(port);
  ASSERT_TRUE(test::wait_until([&] { return !gateway->listeners(owner).empty(); }));
  gateway->close(owner);
  EXPECT_EQ(read(silent), "");
  EXPECT_TRUE(gateway->listeners(owner).empty());
}

TEST_F(Listeners, BadOptionsAreRefusedWithTheCure) {
  EXPECT_THAT(refusal(), HasSubstr("no frontend"));
  open();
  listener.max_body = (1U << 20U) + 1;
  EXPECT_THAT(refusal(), HasSubstr("up to 1048576"));
  listener.max_body = 0;
  listener.page_type = "text/html\r\nX: y";
  EXPECT_THAT(refusal(), HasSubstr("printable"));
  listener.page_type.clear();
  listener.handshake_timeout_ms = 0;
  EXPECT_THAT(refusal(), HasSubstr("handshake_timeout_ms"));
  listener.handshake_timeout_ms = 1000;
  listener.subprotocols = "binary, not a token";
  EXPECT_THAT(refusal(), HasSubstr("\"not a token\""));
  listener = {};
  listener.max_body = 65'534;
  EXPECT_THAT(refusal(), HasSubstr("up to 65533"));
  listener.max_body = 0;
  listener.deflate = true;
  EXPECT_THAT(refusal(), HasSubstr("only ws and wss"));
  listener.deflate = false;
  listener.transport = Transport::tls;
  EXPECT_THAT(refusal(), HasSubstr("PEM"));
  listener.certificate = "/nonexistent/cert.pem";
  listener.private_key = "/nonexistent/key.pem";
  EXPECT_THAT(refusal(), HasSubstr("/nonexistent/cert.pem: No such file or directory"));
  EXPECT_FALSE(gateway->update_listener(owner, 9, {}));
}

}  // namespace
}  // namespace cm::session
