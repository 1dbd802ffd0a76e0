// The client's end of every transport, against the server's.
#include "unit/net/ends.hpp"

#include <gmock/gmock.h>

#include <poll.h>
#include <sys/socket.h>

namespace cm::net {
namespace {

using testing::HasSubstr;

class ByEveryTransport : public Ends, public testing::WithParamInterface<const char*> {};

TEST_P(ByEveryTransport, FramesGoBothWaysWholeAndInOrder) {
  open(address(GetParam()), trusted);
  ASSERT_TRUE(both_open()) << client->transport->trouble();
  EXPECT_EQ(client->transport->name(), GetParam());
  std::string sent;
  for (const std::size_t size : {0UL, 1UL, 125UL, 126UL, 600UL, std::size_t{kMaxFrameBody}, 3UL}) {
    sent += frame_of(static_cast<std::uint16_t>(size + 1), std::string(size, static_cast<char>('a' + size % 26)));
  }
  client->send(sent);
  EXPECT_TRUE(until([&] { return server->in.size() >= sent.size(); }));
  EXPECT_TRUE(server->in == sent);
  server->send(sent);
  EXPECT_TRUE(until([&] { return client->in.size() >= sent.size(); }));
  EXPECT_TRUE(client->in == sent);
}

TEST_P(ByEveryTransport, WhatThePeerDoesNotReadWaits) {
  open(address(GetParam()), trusted);
  ASSERT_TRUE(both_open()) << client->transport->trouble();
  for (End* from : {client.get(), server.get()}) {
    End* to = from == client.get() ? server.get() : client.get();
    to->reads = false;
    std::string sent;
    for (int i = 0; i < 200; ++i) sent += frame_of(7, std::string(60'000, static_cast<char>('a' + i % 26)));
    from->send(sent);
    ASSERT_TRUE(until([turns = 0]() mutable { return ++turns > 50; }));
    ASSERT_FALSE(from->out.empty()) << "it took " << sent.size() << " bytes that nobody reads";
    to->read_on();
    EXPECT_TRUE(until([&] { return to->in.size() >= sent.size(); }));
    EXPECT_TRUE(to->in == sent);
  }
}

TEST_P(ByEveryTransport, TheServersEndIsSeen) {
  open(address(GetParam()), trusted);
  ASSERT_TRUE(both_open()) << client->transport->trouble();
  server->send(frame_of(9, "goodbye"));
  server->transport->shutdown_write(1001);
  EXPECT_TRUE(until([&] { return client->ended; }));
  EXPECT_EQ(client->in, frame_of(9, "goodbye"));
  EXPECT_EQ(client->transport->trouble(), "");
}

TEST_P(ByEveryTransport, WhoLeavesIsFreeAndTheServerIsTold) {
  open(address(GetParam()), trusted);
  ASSERT_TRUE(both_open()) << client->transport->trouble();
  client->send(frame_of(9, "goodbye"));
  client->leave();
  EXPECT_TRUE(until([&] { return client->free() && server->ended; }));
  EXPECT_EQ(server->in, frame_of(9, "goodbye"));
}

INSTANTIATE_TEST_SUITE_P(Net, ByEveryTransport, testing::Values("tcp", "tls", "ws", "wss"),
                         [](const auto& of) { return of.param; });

class ByHandshake : public ByEveryTransport {};

TEST_P(ByHandshake, AServerThatClosesAtOnceIsNoServer) {
  call_bare(address(GetParam()), trusted).reset();
  EXPECT_THAT(refusal(), testing::AnyOf(HasSubstr("closed the connection"), HasSubstr("reset")));
}

TEST_P(ByHandshake, AServerThatSaysNothingIsLeft) {
  const Fd silent = call_bare(address(GetParam()), trusted);
  char hello = 0;
  ASSERT_TRUE(until([&] { return ::recv(silent.get(), &hello, 1, MSG_DONTWAIT) == 1; }));
  EXPECT_FALSE(client->opened.has_value());
  client->transport->close();
  EXPECT_TRUE(until([&] { return client->free(); }));
  EXPECT_FALSE(client->opened.has_value());
}

TEST_P(ByHandshake, AServerOfAnotherKindIsNoServer) {
  const Fd other = call_bare(address(GetParam()), trusted);
  const std::string text = "220 mail.example.org ready\r\n";
  ASSERT_EQ(::send(other.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  EXPECT_THAT(refusal(), testing::AllOf(testing::StartsWith("no "), HasSubstr("; see that the address is")));
}

// The listener's queue is full: it answers nobody until somebody is taken from it.
TEST_P(ByHandshake, ASocketThatStillConnectsIsWaitedFor) {
  Tcp::acceptor busy(context, Tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0), false);
  busy.listen(0);
  const auto to = busy.local_endpoint();
  std::vector<Fd> queue;
  bool waits = false;
  while (!waits && queue.size() < 20) {
    Fd& last = queue.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(last.get(), to.data(), static_cast<socklen_t>(to.size())) == 0) continue;
    pollfd writable{last.get(), POLLOUT, 0};
    waits = ::poll(&writable, 1, 50) == 0;
  }
  ASSERT_TRUE(waits);
  call(std::move(queue.back()), *Address::parse(std::string(GetParam()) + "://localhost:1"), trusted);
  queue.pop_back();
  ASSERT_TRUE(until([turns = 0]() mutable { return ++turns > 10; }));
  EXPECT_FALSE(client->opened.has_value());
  for (std::size_t i = 0; i < queue.size(); ++i) (void)busy.accept();
  server = std::make_unique<End>(serve(GetParam(), Fd(busy.accept().release())));
  server->shake_hands();
  EXPECT_TRUE(both_open()) << client->transport->trouble();
}

INSTANTIATE_TEST_SUITE_P(Net, ByHandshake, testing::Values("tls", "ws", "wss"),
                         [](const auto& of) { return of.param; });

class WebSocketClients : public Ends {};

TEST_F(WebSocketClients, AreToldWhatTheServerAnsweredInPlaceOfTheUpgrade) {
  auto to = address("ws");
  to.path = "/elsewhere";
  open(to, {});
  EXPECT_THAT(refusal(), HasSubstr("\"404 Not Found\" in place of an upgrade"));
}

TEST_F(WebSocketClients, GetNoPageForAWebSocket) {
  const Fd other = call_bare(address("ws"), {});
  const std::string page = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  ASSERT_EQ(::send(other.get(), page.data(), page.size(), MSG_NOSIGNAL), static_cast<ssize_t>(page.size()));
  EXPECT_THAT(refusal(), HasSubstr("\"200 OK\" in place of an upgrade"));
}

}  // namespace
}  // namespace cm::net
