// Who is linked with whom, and who is not.
#include <mutex>

#include "unit/mesh/harness.hpp"
#include "unit/mesh/raw_peer.hpp"

namespace cm::mesh {
namespace {

class Handshake : public testing::Test {
 protected:
  void SetUp() override { start(config_of("a")); }
  void start(Config config) {
    a.reset();
    config.on_refused = [this](const Refused& refused) {
      const std::lock_guard lock(mutex);
      refusals.push_back(refused);
    };
    a = std::make_unique<Host>(config);
    game = &a->up("game#0@t");
  }
  bool wait_refused(Reason reason) {
    return wait_until([&] {
      const std::lock_guard lock(mutex);
      return std::any_of(refusals.begin(), refusals.end(), [&](const Refused& r) { return r.reason == reason; });
    });
  }
  // a still links with who is honest.
  void expect_well() {
    Host c(config_of("c"));
    c.dial(*a);
    EXPECT_TRUE(c.wait_sees("game#0@t"));
  }

  std::mutex mutex;  // guards refusals
  std::vector<Refused> refusals;
  std::unique_ptr<Host> a;
  FakeService* game = nullptr;
};

TEST_F(Handshake, AnotherVersionIsRefusedInBothDirections) {
  RawPeer peer(a->address);
  const auto refusal = peer.refused(RawPeer::hello("old"), kMajor + 1);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason(), pb::Refusal::VERSION);
  EXPECT_NE(refusal->text().find("same release"), std::string::npos);

  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
  discovery::ServiceRecord record = a->record("127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  record.host = "old";
  record.boot = "another";
  a->mesh->set_peers({record});
  RawPeer old(acceptor);
  ASSERT_TRUE(old.read(FrameType::hello));
  pb::Welcome welcome;
  welcome.set_host("old");
  old.send(opening_frame(FrameType::welcome, welcome, kMajor + 1));
  const auto told = old.read_opening<pb::Refusal>(FrameType::refuse);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->reason(), pb::Refusal::VERSION);
  EXPECT_FALSE(a->link("old").state == "up");
}

TEST_F(Handshake, AnotherMeshIsRefusedAndSaysSo) {
  Config config = config_of("b");
  config.mesh = "other";
  Host b(config);
  b.up("chat#0@t");
  auto record = b.record();
  record.mesh = "test";  // as if the catalog were wrong
  a->mesh->set_peers({record});
  EXPECT_TRUE(wait_refused(Reason::other_mesh));
  EXPECT_FALSE(a->sees("chat#0@t"));
  EXPECT_NE(a->link("b").last_error.find("is of the mesh other, not of test"), std::string::npos);
}

TEST_F(Handshake, ASecondLivingHostOfOneNameIsRefused) {
  Host b1(config_of("b"));
  b1.up("chat#0@t");
  b1.dial(*a);
  ASSERT_TRUE(a->wait_sees("chat#0@t"));
  std::atomic<int> refused{0};
  Config second = config_of("b");
  second.on_refused = [&](const Refused& r) { refused += r.reason == Reason::duplicate_host ? 1 : 0; };
  Host b2(second);
  b2.up("hub#0@t");
  b2.dial(*a);
  EXPECT_TRUE(wait_until([&] { return refused > 0; }));
  EXPECT_FALSE(a->sees("hub#0@t"));
  EXPECT_TRUE(a->sees("chat#0@t"));
  EXPECT_EQ(a->link("b").boot, b1.boot);
  EXPECT_EQ(a->downs, 0U);
}

TEST_F(Handshake, ASilentHostGivesWayToAnotherOfItsName) {
  Config config = config_of("a");
  config.duplicate_check = test::patience(500ms);
  start(config);
  Host b1(config_of("b"));
  b1.up("chat#0@t");
  TcpProxy proxy(a->address);
  b1.dial(*a, proxy.address());
  ASSERT_TRUE(a->wait_sees("chat#0@t"));
  proxy.refuse(true);
  proxy.hold(true);  // as if its machine had lost its power
  Host b2(config_of("b"));
  b2.up("chat#0@t");
  b2.dial(*a);
  EXPECT_TRUE(wait_until([&] { return a->link("b").boot == b2.boot && a->link("b").state == "up"; }));
  EXPECT_EQ(a->downs, 0U);
}

TEST_F(Handshake, AHostOfItsOwnNameIsRefused) {
  Host twin(config_of("a"));
  RawPeer peer(a->address);
  const auto refusal = peer.refused(RawPeer::hello("a"));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason(), pb::Refusal::DUPLICATE_HOST);
}

TEST_F(Handshake, ItselfIsRefused) {
  auto record = a->record();
  record.host = "somebody";
  record.boot = "another";
  a->mesh->set_peers({record});
  // It answers itself that it is not the one that was dialed, or that it is itself.
  EXPECT_TRUE(wait_until([&] {
    const std::lock_guard lock(mutex);
    return !refusals.empty();
  }));
  RawPeer peer(a->address);
  const auto refusal = peer.refused(RawPeer::hello("somebody", a->boot));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason(), pb::Refusal::SELF);
  EXPECT_NE(a->link("somebody").state, "up");
}

TEST_F(Handshake, AServiceThatIsUpElsewhereIsRefused) {
  std::atomic<int> refused{0};
  Config config = config_of("b");
  config.on_refused = [&](const Refused& r) { refused += r.reason == Reason::duplicate_service ? 1 : 0; };
  Host b(config);
  b.up("game#0@t");
  b.up("chat#0@t");
  b.dial(*a);
  EXPECT_TRUE(wait_until([&] { return refused > 0; }));
  EXPECT_FALSE(a->sees("chat#0@t"));
}

TEST_F(Handshake, AServiceThatIsAnnouncedTwiceComesUpWhenTheFirstGoes) {
  Host b(config_of("b"));
  Host c(config_of("c"));
  b.dial(*a);
  c.dial(*a);
  ASSERT_TRUE(a->wait_up("b") && a->wait_up("c"));
  b.up("chat#0@t");
  ASSERT_TRUE(a->wait_sees("chat#0@t"));
  auto& second = c.up("chat#0@t");
  c.up("mail#0@t");
  ASSERT_TRUE(a->wait_sees("mail#0@t"));
  EXPECT_EQ(a->registry.find(a->ref("chat#0@t"))->host, "b");
  b.down("chat#0@t");
  EXPECT_TRUE(wait_until([&] {
    const auto snapshot = a->registry.snapshot();
    const auto* entry = snapshot->find(a->ref("chat#0@t"));
    return entry != nullptr && entry->host == "c";
  }));
  a->send_all(a->envelope(Kind::message, "chat#0@t", "game#0@t", "x"));
  EXPECT_TRUE(wait_until([&] { return second.got().size() == 1; }));
}

TEST_F(Handshake, AServiceMovesFromAHostThatIsDown) {
  Config config = config_of("a");
  config.grace = 600s;
  start(config);
  Host c(config_of("c"));
  c.dial(*a);
  ASSERT_TRUE(a->wait_up("c"));
  {
    Host b(config_of("b"));
    TcpProxy proxy(a->address);
    b.up("chat#0@t");
    b.dial(*a, proxy.address());
    ASSERT_TRUE(a->wait_sees("chat#0@t"));
    proxy.refuse(true);
    proxy.cut(true);
    ASSERT_TRUE(wait_until([&] { return a->link("b").state == "broken"; }));
  }
  c.up("chat#0@t");
  EXPECT_TRUE(wait_until([&] {
    const auto snapshot = a->registry.snapshot();
    const auto* entry = snapshot->find(a->ref("chat#0@t"));
    return entry != nullptr && entry->host == "c";
  }));
}

TEST_F(Handshake, AnotherHostBehindAnAddressIsNotLinked) {
  Host b(config_of("b"));
  b.dial(*a);
  ASSERT_TRUE(a->wait_up("b"));
  auto wrong = b.record();
  wrong.host = "c";
  a->mesh->set_peers({wrong});
  EXPECT_TRUE(wait_refused(Reason::wrong_host));
  EXPECT_EQ(a->link("b").state, "up");
  EXPECT_EQ(a->link("b").reconnects, 0U);
}

TEST_F(Handshake, APeerThatNeverAnswersIsGivenUpAndDialedAgain) {
  Config config = config_of("a");
  config.handshake_limit = 200ms;
  start(config);
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
  auto record = a->record("127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  record.host = "mute";
  record.boot = "another";
  a->mesh->set_peers({record});
  for (int i = 0; i < 2; ++i) {
    RawPeer mute(acceptor);
    EXPECT_TRUE(mute.read(FrameType::hello));
    EXPECT_FALSE(mute.read());
  }
  EXPECT_TRUE(
      wait_until([&] { return a->link("mute").last_error.find("no answer within 200 ms") != std::string::npos; }));
}

TEST_F(Handshake, ConnectionsThatSayNothingAreClosedAndBounded) {
  Config config = config_of("a");
  config.handshake_limit = 300ms;
  config.max_handshakes = 4;
  start(config);
  std::vector<std::unique_ptr<RawPeer>> mutes;
  for (int i = 0; i < 8; ++i) mutes.push_back(std::make_unique<RawPeer>(a->address));
  for (const auto& mute : mutes) EXPECT_FALSE(mute->read());
  expect_well();
}

TEST_F(Handshake, GarbageIsClosed) {
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), std::string(64, '\0'), std::string(64, '\xff'),
        opening_frame(FrameType::go, pb::Go()), opening_frame(FrameType::hello, pb::Go()).substr(0, 9) + "garbage"}) {
    RawPeer peer(a->address);
    peer.send(garbage);
    boost::system::error_code ec;
    (void)peer.read(FrameType::welcome);
  }
  pb::Hello nobody = RawPeer::hello("");
  EXPECT_EQ(RawPeer(a->address).refused(nobody)->reason(), pb::Refusal::PROTOCOL);
  pb::Hello no_stream = RawPeer::hello("x");
  no_stream.set_next_stream(0);
  EXPECT_EQ(RawPeer(a->address).refused(no_stream)->reason(), pb::Refusal::PROTOCOL);
  expect_well();
}

TEST_F(Handshake, TooManyLinksAreRefused) {
  Config config = config_of("a");
  config.max_links = 1;
  start(config);
  Host b(config_of("b"));
  b.dial(*a);
  ASSERT_TRUE(a->wait_up("b"));
  RawPeer peer(a->address);
  EXPECT_EQ(peer.refused(RawPeer::hello("c"))->reason(), pb::Refusal::BUSY);
}

TEST_F(Handshake, HostsThatDialEachOtherAtOnceHaveOneConnection) {
  for (int round = 0; round < 20; ++round) {
    Host x(config_of("x"));
    Host y(config_of("y"));
    auto& at_x = x.up("chat#0@t");
    auto& at_y = y.up("mail#0@t");
    std::thread other([&] { y.dial(x); });
    x.dial(y);
    other.join();
    ASSERT_TRUE(x.wait_sees("mail#0@t"));
    ASSERT_TRUE(y.wait_sees("chat#0@t"));
    constexpr int kMessages = 50;
    for (int i = 0; i < kMessages; ++i) {
      ASSERT_EQ(x.send("mail#0@t", "chat#0@t", std::to_string(i)), Delivery::sent);
      ASSERT_EQ(y.send("chat#0@t", "mail#0@t", std::to_string(i)), Delivery::sent);
    }
    for (FakeService* service : {&at_x, &at_y}) {
      ASSERT_TRUE(wait_until([&] { return service->got().size() >= kMessages; }));
      const auto got = service->got();
      ASSERT_EQ(got.size(), static_cast<std::size_t>(kMessages));
      for (int i = 0; i < kMessages; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)].body, std::to_string(i));
    }
    EXPECT_EQ(x.mesh->links().size(), 1U);
    EXPECT_NE(x.link("y").dialed, y.link("x").dialed);
    EXPECT_EQ(x.downs + y.downs, 0U);
  }
}

TEST(MeshStart, AnAddressThatNobodyCanDialIsRefused) {
  Config config = config_of("a");
  config.listen_address = "0.0.0.0";
  routing::Names names;
  Registry registry{names};
  net::IoWorker worker(0);
  Mesh mesh(config, {&worker}, registry);
  const auto address = mesh.start();
  ASSERT_FALSE(address);
  EXPECT_NE(address.error().text.find("no address that other hosts can dial"), std::string::npos);
}

}  // namespace
}  // namespace cm::mesh
