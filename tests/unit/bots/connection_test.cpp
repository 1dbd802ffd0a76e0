#include "bots/connection.hpp"

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "support/two_addresses.hpp"
#include "support/wait.hpp"

namespace cm::bots {
namespace {

using boost::asio::ip::tcp;

struct Ends final : Connection::User {
  void on_open() override { open = true; }
  void on_frame(std::uint16_t /*id*/, std::span<const std::byte> /*body*/) override {}
  void on_end(const std::string& why) override { ended = why; }
  bool open = false;
  std::string ended;
};

struct ConnectionToAName : testing::Test {
  Engine engine{net::TlsTrust{}};
  tcp::acceptor server{engine.context(), tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)};
  const net::Address to =
      *net::Address::parse(std::string(test::kTwoAddresses) + ":" + std::to_string(server.local_endpoint().port()));

  [[nodiscard]] bool until(const std::function<bool()>& done) {
    return test::wait_until([&] {
      engine.turn(test::milliseconds(1));
      return done();
    });
  }
};

TEST_F(ConnectionToAName, OfSeveralAddressesIsMadeToTheNextOneWhenOneFailed) {
  Ends first, second, third;
  const auto failed = Connection::open(engine, first, to);
  const auto with_it = Connection::open(engine, second, to);
  ASSERT_TRUE(until([&] { return !first.ended.empty() && !second.ended.empty(); }));
  const auto made = Connection::open(engine, third, to);
  EXPECT_TRUE(until([&] { return third.open; })) << third.ended;
  made->close(false);
}

TEST_F(ConnectionToAName, OfSeveralAddressesIsMadeToTheNextOneWhenOneWasNotOpenInTime) {
  Ends first, second;
  const auto late = Connection::open(engine, first, to);
  late->give_up_address();
  late->close(false);
  const auto made = Connection::open(engine, second, to);
  EXPECT_TRUE(until([&] { return second.open; })) << second.ended;
  made->close(false);
}

TEST_F(ConnectionToAName, ThatIsOpenKeepsItsAddress) {
  Ends first, second;
  engine.give_up(to.to.host, engine.resolve(to.to)->address());
  const auto open = Connection::open(engine, first, to);
  ASSERT_TRUE(until([&] { return first.open; })) << first.ended;
  open->give_up_address();
  const auto made = Connection::open(engine, second, to);
  EXPECT_TRUE(until([&] { return second.open; })) << second.ended;
  for (const auto& one : {open, made}) one->close(false);
}

}  // namespace
}  // namespace cm::bots
