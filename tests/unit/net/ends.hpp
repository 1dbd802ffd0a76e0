#pragma once

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/client.hpp"
#include "net/frame.hpp"
#include "net/tcp_transport.hpp"
#include "net/tls.hpp"
#include "net/websocket.hpp"
#include "support/certificate.hpp"
#include "support/fake_websocket_host.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

namespace cm::net {

inline std::string frame_of(std::uint16_t id, const std::string& body) {
  std::string frame(kFrameHeader + body.size(), '\0');
  encode_frame(reinterpret_cast<std::byte*>(frame.data()), id, std::as_bytes(std::span(body)));
  return frame;
}

// The user of a transport: shakes hands, keeps what comes, sends what it is given.
class End final : private Transport::Handler {
 public:
  explicit End(std::unique_ptr<Transport> made) : transport(std::move(made)) { transport->attach(*this); }

  void shake_hands() {
    transport->handshake([this](bool ok) {
      opened = ok;
      if (ok) read_on();
    });
  }
  void send(std::string bytes) {
    out += bytes;
    write();
  }
  void read_on() {
    reads = true;
    if (!std::exchange(waits_, true)) transport->wait_read();
  }
  void leave() {
    transport->shutdown_write(1000);
    transport->close();
  }
  // After close(): nothing is pending, so it may go.
  [[nodiscard]] bool free() const { return !transport->busy(); }

  const std::unique_ptr<Transport> transport;
  std::optional<bool> opened;
  std::string in;
  std::string out;  // not taken yet
  bool ended = false;
  bool reads = true;

 private:
  void on_readable() override {
    waits_ = false;
    std::array<std::byte, 16 << 10> part{};
    const auto io = transport->read(part);
    in.append(reinterpret_cast<const char*>(part.data()), io.bytes);
    ended = io.state != Transport::State::open;
    if (!ended && reads) read_on();
  }
  void on_writable() override { write(); }
  void on_released() override {}
  void write() {
    const auto io = transport->write(std::as_bytes(std::span(out)));
    out.erase(0, io.bytes);
    if (!out.empty() && io.state == Transport::State::open) transport->wait_write();
  }

  bool waits_ = false;
};

// A server's and a client's end on this machine's loopback, both on one context that the test turns.
class Ends : public testing::Test {
 protected:
  using Tcp = boost::asio::ip::tcp;

  Ends() : acceptor_(context, Tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)) {}
  ~Ends() override { hang_up(); }

  // Both ends are closed, and may go.
  void hang_up() {
    for (End* end : {client.get(), server.get()}) {
      if (end != nullptr) end->transport->close();
    }
    EXPECT_TRUE(until([&] { return (!client || client->free()) && (!server || server->free()); }));
  }

  // Turns the context until `done`.
  bool until(const std::function<bool()>& done) {
    const auto bound = test::Clock::now() + test::patience(std::chrono::seconds(30));
    while (!done()) {
      if (test::Clock::now() > bound) return false;
      context.restart();
      (void)context.run_one_for(std::chrono::milliseconds(2));
      (void)context.poll();
    }
    return true;
  }

  // Two connected sockets: the server's, the client's.
  std::pair<Fd, Fd> connect() {
    Tcp::socket near(context);
    near.connect(acceptor_.local_endpoint());
    Tcp::socket far = acceptor_.accept();
    return {Fd(far.release()), Fd(near.release())};
  }
  [[nodiscard]] Address address(const std::string& scheme, const std::string& host = "localhost") const {
    return *Address::parse(scheme + "://" + host + ":" + std::to_string(acceptor_.local_endpoint().port()));
  }

  static TlsConfig config_of(const test::Certificate& of) {
    return {of.certificate.string(), of.private_key.string(), 12, "test"};
  }
  std::unique_ptr<Transport> serve(const std::string& scheme, Fd socket) {
    std::unique_ptr<Transport> made;
    if (scheme == "tls" || scheme == "wss") {
      if (!tls) {
        auto opened = TlsServer::open(config_of(certificate));
        EXPECT_TRUE(opened.has_value()) << opened.error().text;
        tls = *opened;
      }
      made = tls->transport(context, std::move(socket));
    } else {
      made = std::make_unique<TcpTransport>(context, std::move(socket));
    }
    if (scheme == "tcp" || scheme == "tls") return made;
    return make_websocket(std::move(made), context, pool, std::make_shared<WebSocketConfig>(websocket), handshakes,
                          max_body);
  }
  // Both ends, which shake hands.
  void open(const Address& to, const TlsTrust& trust) {
    auto [far, near] = connect();
    server = std::make_unique<End>(serve(to.scheme, std::move(far)));
    call(std::move(near), to, trust);
    server->shake_hands();
  }
  // The client's end alone, against a bare socket.
  Fd call_bare(const Address& to, const TlsTrust& trust) {
    auto [far, near] = connect();
    call(std::move(near), to, trust);
    return std::move(far);
  }
  void call(Fd near, const Address& to, const TlsTrust& trust) {
    transports = std::make_unique<ClientTransports>(context, pool, trust);
    auto made = transports->over(std::move(near), to);
    ASSERT_TRUE(made.has_value()) << made.error().text;
    client = std::make_unique<End>(std::move(*made));
    client->shake_hands();
  }
  [[nodiscard]] bool both_open() {
    return until([&] { return client->opened && server->opened; }) && *client->opened && *server->opened;
  }
  // Why the client did not get in; empty when it did.
  std::string refusal() {
    EXPECT_TRUE(until([&] { return client->opened.has_value(); }));
    return client->opened.value_or(true) ? std::string() : client->transport->trouble();
  }

  test::TempDir folder;
  test::Certificate certificate = test::make_certificate(folder.path());
  const TlsTrust trusted{.ca = certificate.certificate.string(), .verify = true};
  std::atomic<std::uint32_t> max_body{kMaxFrameBody};
  WebSocketConfig websocket;
  test::FakeWebSocketHost handshakes;
  BufferPool pool;
  boost::asio::io_context context{1};
  std::shared_ptr<TlsServer> tls;
  std::unique_ptr<ClientTransports> transports;
  std::unique_ptr<End> server;
  std::unique_ptr<End> client;

 private:
  Tcp::acceptor acceptor_;
};

}  // namespace cm::net
