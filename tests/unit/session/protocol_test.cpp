// What a client of an older version of the client protocol is not sent.
#include "harness.hpp"

namespace cm::session {
namespace {

constexpr std::uint16_t kOld = 50;
constexpr std::uint16_t kNew = 51;

class ProtocolTest : public SessionTest {
 protected:
  // Clients speak version 1 until they state another.
  void open_old() {
    open();
    on([&] { table->set_protocol(owner, 1); });
  }
  void state(const Player& player, std::int32_t version) { command(Kind::protocol, player, owner, {}, version); }
  Delivery to_client(const Player& player, std::uint16_t id, std::int32_t since) {
    return command(Kind::to_client, player, owner, "x", since, id);
  }
  static std::vector<std::uint16_t> ids(const Player& player) {
    std::vector<std::uint16_t> result;
    for (const auto& received : player.wire->received()) result.push_back(received.id);
    return result;
  }
  using Ids = std::vector<std::uint16_t>;
};

TEST_F(ProtocolTest, SendsEverythingWhenTheAgentSetsNoVersion) {
  open();
  const Player player = join();
  to_client(player, kNew, 250);
  EXPECT_EQ(ids(player), Ids{kNew});
}

TEST_F(ProtocolTest, LeavesOutAndCountsNewerMessages) {
  open_old();
  const Player player = join_admitted();
  to_client(player, kNew, 2);
  to_client(player, kOld, 0);
  command(Kind::to_clients, {}, owner, client_list({player.id.session}, "x"), 2, kNew);
  command(Kind::broadcast, {}, owner, "x", 2, kNew);
  command(Kind::broadcast, {}, owner, "x", 1, kOld);
  EXPECT_EQ(ids(player), (Ids{kOld, kOld}));
  EXPECT_EQ(table->counters().too_new.get(), 3U);
}

TEST_F(ProtocolTest, SendsWhatTheStatedVersionHas) {
  open_old();
  const Player player = join();
  state(player, 2);
  to_client(player, kNew, 2);
  to_client(player, kOld, 3);
  EXPECT_EQ(ids(player), Ids{kNew});
}

TEST_F(ProtocolTest, BroadcastsToEachClientByItsOwnVersion) {
  open_old();
  const Player old_one = join_admitted();
  const Player new_one = join_admitted();
  state(new_one, 2);
  command(Kind::broadcast, {}, owner, "x", 2, kNew);
  EXPECT_EQ(ids(old_one), Ids{});
  EXPECT_EQ(ids(new_one), Ids{kNew});
}

TEST_F(ProtocolTest, OldClientGetsNoNotices) {
  open_old();
  const Player player = join_admitted();
  send(player, kUnknown);
  EXPECT_EQ(codes(player), Codes{});
  command(Kind::close_client, player, owner, "go", static_cast<int>(CloseReason::kicked));
  EXPECT_EQ(codes(player), Codes{});
  EXPECT_TRUE(player.wire->get(&FakeWire::half_closed));
  EXPECT_EQ(table->counters().too_new.get(), 2U);
}

TEST_F(ProtocolTest, ClientThatIsNotAdmittedYetIsToldWhyItIsClosed) {
  options.max_refused = 2;
  open_old();
  const Player player = join();
  send(player, kUnknown);
  send(player, kUnknown);
  EXPECT_EQ(codes(player), Codes{5});
}

TEST_F(ProtocolTest, OnlyTheAgentSetsAVersion) {
  open_old();
  const Player player = join();
  command(Kind::protocol, player, names.service("game#0@t"), {}, 2);
  to_client(player, kNew, 2);
  EXPECT_EQ(ids(player), Ids{});
  EXPECT_EQ(table->counters().bad_command.get(), 1U);
}

}  // namespace
}  // namespace cm::session
