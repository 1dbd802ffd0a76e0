#include "soak/players.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "soak.pb.h"

namespace cm::soak {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kAtOnce = 4;
constexpr std::uint64_t kAskEvery = 4;  // as in game.cpp
constexpr std::chrono::seconds kAnswer{60};

}  // namespace

class Players::Player {
 public:
  Player(const std::string& login_address, std::chrono::nanoseconds pace)
      : client_(test::enter(login_address)), pace_(pace), thread_([this] { run(); }) {}
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  ~Player() { join(); }

  void end() { ending_ = true; }
  void join() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void add_to(Sum& sum) const {
    sum.answered += answered_;
    if (thread_.joinable()) return;
    sum.sent += sent_;
    sum.events_due += sent_ / kAskEvery;
    sum.events += events_;
    if (!failure_.empty()) sum.failures.push_back(failure_);
  }

 private:
  void run() try {
    auto next = Clock::now();
    while (!ending_) {
      for (std::uint64_t i = 0; i < kAtOnce; ++i) {
        ::soak::SoakREQ req;
        req.set_number(sent_ + 1);
        client_.send(req);
        ++sent_;
      }
      while (answered_ < sent_) read();
      next = std::max(next + pace_, Clock::now());
      std::this_thread::sleep_until(next);
    }
    while (events_ < sent_ / kAskEvery) read();
    if (!client_.silent()) throw std::runtime_error("something came that nobody waits for");
  } catch (const std::exception& e) {
    failure_ = e.what();
  }

  void read() {
    const auto frame = client_.read(kAnswer);
    if (!frame) throw std::runtime_error("disconnected");
    if (frame->is<::soak::SoakACK>()) {
      const auto ack = frame->as<::soak::SoakACK>();
      const std::uint64_t expected = answered_ + 1;
      if (ack.number() != expected || ack.counted() != expected) {
        throw std::runtime_error("message " + std::to_string(expected) + " was answered as " +
                                 std::to_string(ack.number()) + ", counted " + std::to_string(ack.counted()));
      }
      answered_ = expected;
    } else if (frame->is<::soak::SoakEventACK>()) {
      const auto number = frame->as<::soak::SoakEventACK>().number();
      if (number != (events_ + 1) * kAskEvery) {
        throw std::runtime_error("request " + std::to_string(number) + " came back after " +
                                 std::to_string(events_ * kAskEvery));
      }
      ++events_;
    } else if (frame->is<proto::NoticeACK>()) {
      throw std::runtime_error("told: " + frame->as<proto::NoticeACK>().ShortDebugString());
    }
  }

  test::Client client_;
  const std::chrono::nanoseconds pace_;
  std::uint64_t sent_ = 0;
  std::uint64_t events_ = 0;
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<bool> ending_{false};
  std::string failure_;
  std::thread thread_;
};

Players::Players(const std::string& login_address, int players, int messages_a_second) {
  const std::chrono::nanoseconds pace(std::uint64_t{1'000'000'000} * kAtOnce * static_cast<unsigned>(players) /
                                      static_cast<unsigned>(messages_a_second));
  for (int i = 0; i < players; ++i) players_.push_back(std::make_unique<Player>(login_address, pace));
}

Players::~Players() { stop(); }

void Players::stop() {
  for (const auto& player : players_) player->end();
  for (const auto& player : players_) player->join();
}

Players::Sum Players::sum() const {
  Sum sum;
  for (const auto& player : players_) player->add_to(sum);
  return sum;
}

}  // namespace cm::soak
