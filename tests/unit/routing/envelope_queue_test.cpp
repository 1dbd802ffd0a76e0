#include "routing/envelope_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <thread>

namespace cm::routing {
namespace {

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

Envelope message(std::uint16_t id, const std::string& body, Kind kind = Kind::message) {
  Envelope e;
  e.kind = kind;
  e.msg_id = id;
  e.body = bytes(body);
  return e;
}

TEST(EnvelopeQueue, EverythingComesOutInOrderAndWhole) {
  EnvelopeQueue queue({1000, 2000});
  EXPECT_TRUE(queue.put(message(1, "one")).was_empty);
  EXPECT_FALSE(queue.put(message(2, "")).was_empty);
  EXPECT_FALSE(queue.put(message(3, "three")).was_empty);
  EnvelopeQueue::Batch batch;
  queue.take(batch);
  std::string seen;
  batch.for_each([&](const Envelope& e) {
    seen += std::to_string(e.msg_id) + std::string(reinterpret_cast<const char*>(e.body.data()), e.body.size());
    return true;
  });
  EXPECT_EQ(seen, "1one23three");
  EXPECT_TRUE(queue.put(message(4, "")).was_empty);
}

TEST(EnvelopeQueue, AStoppedBatchGoesOnWhereItStopped) {
  EnvelopeQueue queue({1000, 2000});
  for (std::uint16_t i = 1; i <= 3; ++i) (void)queue.put(message(i, "x"));
  EnvelopeQueue::Batch batch;
  queue.take(batch);
  batch.for_each([](const Envelope& e) { return e.msg_id != 1; });
  EXPECT_FALSE(batch.empty());
  (void)queue.put(message(4, "x"));
  queue.take(batch);  // not empty: takes nothing
  std::string seen;
  batch.for_each([&](const Envelope& e) { return seen += std::to_string(e.msg_id), true; });
  queue.take(batch);
  batch.for_each([&](const Envelope& e) { return seen += std::to_string(e.msg_id), true; });
  EXPECT_EQ(seen, "234");
}

TEST(EnvelopeQueue, PastTheSoftLimitOnlyWhatMustArriveIsTaken) {
  EnvelopeQueue queue({300, 600});
  const std::string body(100, 'x');
  int taken = 0;
  while (queue.put(message(1, body)).delivery == Delivery::sent) ++taken;
  EXPECT_GT(taken, 0);
  EXPECT_EQ(queue.put(message(1, body)).delivery, Delivery::full);
  EXPECT_EQ(queue.put(message(1, body, Kind::reply)).delivery, Delivery::sent);
  Delivery last = Delivery::sent;
  for (int i = 0; i < 100 && last == Delivery::sent; ++i) last = queue.put(message(1, body, Kind::reply)).delivery;
  EXPECT_EQ(last, Delivery::full);
  EnvelopeQueue::Batch batch;
  EXPECT_TRUE(queue.take(batch));  // somebody was refused
  EXPECT_EQ(queue.put(message(1, body)).delivery, Delivery::sent);
}

TEST(EnvelopeQueue, AnEmptyQueueTakesAMessageOfAnySize) {
  EnvelopeQueue queue({10, 10});
  EXPECT_EQ(queue.put(message(1, std::string(1000, 'x'))).delivery, Delivery::sent);
  EXPECT_EQ(queue.put(message(1, "y")).delivery, Delivery::full);
}

TEST(EnvelopeQueue, AClosedQueueIsGone) {
  EnvelopeQueue queue({1000, 2000});
  queue.close();
  EXPECT_EQ(queue.put(message(1, "x")).delivery, Delivery::gone);
}

TEST(EnvelopeQueue, ManyThreadsLoseNothingAndKeepTheirOrder) {
  static constexpr int kThreads = 4;
  static constexpr std::uint64_t kEach = 20'000;
  EnvelopeQueue queue({1U << 16U, 1U << 17U});
  std::array<std::thread, kThreads> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads[t] = std::thread([&queue, t] {
      const std::string body = "body";
      for (std::uint64_t i = 1; i <= kEach;) {
        Envelope e = message(1, body);
        e.from = static_cast<ServiceRef>(t);
        e.call = i;
        if (queue.put(e).delivery == Delivery::sent) {
          ++i;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  std::array<std::uint64_t, kThreads> last{};
  std::uint64_t total = 0;
  EnvelopeQueue::Batch batch;
  while (total < kThreads * kEach) {
    queue.take(batch);
    batch.for_each([&](const Envelope& e) {
      auto& previous = last[static_cast<std::size_t>(e.from)];
      EXPECT_EQ(e.call, previous + 1);
      previous = e.call;
      ++total;
      return true;
    });
  }
  for (auto& thread : threads) thread.join();
  queue.take(batch);
  EXPECT_TRUE(batch.empty());
}

}  // namespace
}  // namespace cm::routing
