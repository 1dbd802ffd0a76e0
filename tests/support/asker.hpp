#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "support/player.hpp"

namespace cm::test {

// A player on a thread of its own who asks one thing after the other until it is told to end. What comes besides
// answers is skipped, but for a notice, which is a failure.
class Asker {
 public:
  struct Question {
    std::uint16_t request = 0;
    std::uint16_t answer = 0;
    std::function<std::string(std::uint64_t number)> body;
    // Whether it is the answer to that one; none: any is.
    std::function<bool(std::uint64_t number, const std::string& body)> good = {};
  };
  Asker(const std::string& login_address, Question question)
      : question_(std::move(question)), client_(enter(login_address)), thread_([this] { run(); }) {}
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  ~Asker() { (void)end(); }

  // What went wrong; empty: nothing did.
  std::string end() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
    return failure_;
  }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

 private:
  void run() try {
    while (!ending_) {
      const std::uint64_t number = answered_ + 1;
      client_.send(question_.request, question_.body(number));
      const std::string body = answer();
      if (question_.good && !question_.good(number, body)) throw std::runtime_error("an answer is another question's");
      ++answered_;
    }
  } catch (const std::exception& e) {
    failure_ = e.what();
  }

  std::string answer() {
    for (;;) {
      const auto frame = client_.read(seconds(60));
      if (!frame) throw std::runtime_error("disconnected");
      if (frame->is<proto::NoticeACK>()) throw std::runtime_error(frame->as<proto::NoticeACK>().ShortDebugString());
      if (frame->id == question_.answer) return frame->body;
    }
  }

  const Question question_;
  Client client_;
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<bool> ending_{false};
  std::string failure_;
  std::thread thread_;
};

}  // namespace cm::test
