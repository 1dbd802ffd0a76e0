#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "keeper_v1.pb.h"
#include "support/player.hpp"

namespace cm::test {

// Which version of the keeper answers; 0: none does. Asked by a new player, as one who sends much that nobody takes is
// closed.
inline std::uint32_t keeper_version(const std::string& login_address) {
  Client player = enter(login_address);
  player.send(keeper::CountREQ());
  for (;;) {
    const auto frame = player.read();
    if (!frame || frame->is<proto::NoticeACK>()) return 0;
    if (frame->is<keeper::CountACK>()) return frame->as<keeper::CountACK>().version();
  }
}

// A player who sends numbered messages to the keeper, some at a time, until it is told to end, and checks that every
// one is answered, once, in order, by a service that forgot none of those before.
class Traffic {
 public:
  explicit Traffic(const std::string& login_address) : client_(enter(login_address)), thread_([this] { run(); }) {}
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;
  ~Traffic() { (void)end(); }

  // What went wrong; empty: nothing did.
  std::string end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return failure_;
  }
  // The version that answered last; 0: none has.
  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] std::uint64_t ticks() const { return ticks_; }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  // Until `more` further messages were answered.
  bool await(std::uint64_t more) {
    const std::uint64_t goal = answered_ + more;
    return wait_until([&] { return answered_ >= goal || failed_; }, seconds(60)) && !failed_;
  }

 private:
  static constexpr std::uint64_t kAtOnce = 8;

  void run() try {
    while (!stop_) {
      for (std::uint64_t i = 0; i < kAtOnce; ++i) {
        keeper::CountREQ req;
        req.set_number(++sent_);
        client_.send(req);
      }
      for (std::uint64_t i = 0; i < kAtOnce; ++i) check(client_.expect<keeper::CountACK>(seconds(60)));
    }
  } catch (const std::exception& e) {
    failure_ = e.what();
    failed_ = true;
  }

  void check(const keeper::CountACK& ack) {
    const std::uint64_t expected = answered_ + 1;
    if (ack.number() != expected || ack.counted() != expected) {
      throw std::runtime_error("message " + std::to_string(expected) + " was answered as " +
                               std::to_string(ack.number()) + ", counted " + std::to_string(ack.counted()));
    }
    version_ = ack.version();
    ticks_ = ack.ticks();
    answered_ = expected;
  }

  Client client_;
  std::uint64_t sent_ = 0;
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint32_t> version_{0};
  std::atomic<std::uint64_t> ticks_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> failed_{false};
  std::string failure_;
  std::thread thread_;
};

}  // namespace cm::test
