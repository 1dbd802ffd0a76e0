#include "session/outbox.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/fake_transport.hpp"

namespace cm::session {
namespace {

using test::bytes_of;
using test::wire_frame;

class OutboxTest : public testing::Test {
 protected:
  ~OutboxTest() override { outbox.release(pool); }
  void add(std::uint16_t id, std::string_view body) { outbox.append(pool, id, bytes_of(body)); }
  // Sends `count` bytes.
  void send(std::size_t count) {
    const auto bytes = outbox.unsent().first(count);
    wire.insert(wire.end(), bytes.begin(), bytes.end());
    outbox.sent(pool, count);
  }
  static std::vector<std::byte> frames(std::initializer_list<std::pair<std::uint16_t, std::string>> all) {
    std::vector<std::byte> out;
    for (const auto& [id, body] : all) {
      const auto f = wire_frame(id, body);
      out.insert(out.end(), f.begin(), f.end());
    }
    return out;
  }

  net::BufferPool pool;
  Outbox outbox;
  std::vector<std::byte> wire;
};

TEST_F(OutboxTest, FramesGoOutInOrderHoweverTheyAreCut) {
  for (std::size_t cut = 1; cut < 20; ++cut) {
    wire.clear();
    add(1, "one");
    add(2, "");
    add(3, "three");
    while (!outbox.empty()) send(std::min(cut, outbox.unsent().size()));
    EXPECT_EQ(wire, frames({{1, "one"}, {2, ""}, {3, "three"}}));
  }
}

TEST_F(OutboxTest, DropKeepsTheRestOfAFrameThatIsPartlySent) {
  add(1, "one");
  add(2, "two");
  add(3, "three");
  send(9);  // the first, and 2 bytes of the second
  EXPECT_EQ(outbox.drop(), 1U);
  add(4, "notice");
  send(outbox.unsent().size());
  EXPECT_EQ(wire, frames({{1, "one"}, {2, "two"}, {4, "notice"}}));
}

TEST_F(OutboxTest, DropBetweenFramesKeepsNone) {
  add(1, "one");
  add(2, "two");
  send(7);
  EXPECT_EQ(outbox.drop(), 1U);
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, SizeIsWhatIsHeld) {
  add(1, "one");
  add(2, "two");
  EXPECT_EQ(outbox.size(), 14U);
  send(8);
  EXPECT_EQ(outbox.size(), 7U);
  EXPECT_EQ(outbox.unsent().size(), 6U);
}

}  // namespace
}  // namespace cm::session
