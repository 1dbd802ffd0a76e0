// A peer that comes back and says where its streams stood.
#include "unit/mesh/harness.hpp"
#include "unit/mesh/raw_peer.hpp"

namespace cm::mesh {
namespace {

class Resume : public testing::Test {
 protected:
  void SetUp() override {
    Config config = config_of("a");
    config.grace = 600s;
    a = std::make_unique<Host>(config);
    a->up("game#0@t");
  }
  // The peer dials, and is linked; what it has got of the stream is `received`.
  void link() {
    RawPeer peer(a->address);
    hello = RawPeer::hello("peer");
    peer.send(opening_frame(FrameType::hello, hello));
    const auto welcome = peer.read_opening<pb::Welcome>(FrameType::welcome);
    ASSERT_TRUE(welcome);
    hello.set_stream(hello.next_stream());
    hello.set_peer_stream(welcome->stream());
    peer.send(opening_frame(FrameType::go, pb::Go()));
    ASSERT_TRUE(peer.read(FrameType::announce));
    received = peer.received();
  }
  // It dials again.
  std::unique_ptr<RawPeer> again(std::uint64_t at) {
    auto peer = std::make_unique<RawPeer>(a->address);
    hello.set_sequence(hello.sequence() + 1);
    hello.set_received(at);
    peer->send(opening_frame(FrameType::hello, hello));
    return peer;
  }

  std::unique_ptr<Host> a;
  pb::Hello hello;
  std::uint64_t received = 0;
};

TEST_F(Resume, GoesOnAtTheEndOfAFrame) {
  link();
  const auto peer = again(received);
  const auto welcome = peer->read_opening<pb::Welcome>(FrameType::welcome);
  ASSERT_TRUE(welcome);
  EXPECT_TRUE(welcome->resumed());
}

TEST_F(Resume, InAFrameIsRefusedAndEndsTheStreams) {
  link();
  for (const std::uint64_t at : {received - 1, std::uint64_t{3}, received + 1, ~std::uint64_t{0}}) {
    const auto peer = again(at);
    const auto refusal = peer->read_opening<pb::Refusal>(FrameType::refuse);
    ASSERT_TRUE(refusal) << at;
    EXPECT_EQ(refusal->reason(), pb::Refusal::PROTOCOL);
    EXPECT_NE(refusal->text().find("not the end of a frame"), std::string::npos) << refusal->text();
    const auto anew = again(received);  // the streams are given up: they begin anew
    const auto welcome = anew->read_opening<pb::Welcome>(FrameType::welcome);
    ASSERT_TRUE(welcome) << at;
    EXPECT_FALSE(welcome->resumed());
    hello.set_peer_stream(welcome->stream());
    hello.set_stream(hello.next_stream());
    anew->send(opening_frame(FrameType::go, pb::Go()));
    ASSERT_TRUE(anew->read(FrameType::announce));
  }
}

TEST_F(Resume, InAFrameByAWelcomeIsRefused) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
  discovery::ServiceRecord record = a->record("127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  record.host = "peer";
  record.boot = "another";
  a->mesh->set_peers({record});
  pb::Welcome welcome;
  welcome.set_mesh("test");
  welcome.set_host("peer");
  welcome.set_boot("another");
  welcome.set_stream(4711);
  {
    RawPeer first(acceptor);
    ASSERT_TRUE(first.read_opening<pb::Hello>(FrameType::hello));
    welcome.set_sequence(1);
    first.send(opening_frame(FrameType::welcome, welcome));
    ASSERT_TRUE(first.read(FrameType::announce));
  }
  RawPeer second(acceptor);
  const auto said = second.read_opening<pb::Hello>(FrameType::hello);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->peer_stream(), 4711U);
  welcome.set_sequence(2);
  welcome.set_resumed(true);
  welcome.set_received(2);
  second.send(opening_frame(FrameType::welcome, welcome));
  const auto refusal = second.read_opening<pb::Refusal>(FrameType::refuse);
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->text().find("not the end of a frame"), std::string::npos) << refusal->text();
}

}  // namespace
}  // namespace cm::mesh
