#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

namespace cm::plugin {

// Work that a loader gives to a service's thread, to be done between two messages. Shared by both.
class ThreadTask {
 public:
  // `left`: done after the work when the loader has left it.
  explicit ThreadTask(std::function<void()> work, std::function<void()> left = {})
      : work_(std::move(work)), left_(std::move(left)) {}

  // Does it, unless it was called off. [service thread]
  void run() {
    if (!move(State::waits, State::runs)) return;
    work_();
    if (move(State::runs, State::done)) return;
    left_();
    (void)move(State::left, State::done);
  }

  // All below: loader thread.
  enum class End : std::uint8_t { done, waits, runs };
  // How far it has come when it is done, or when the time is over.
  End wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, patience, [&] { return state_ == State::done; })) return End::done;
    return state_ == State::waits ? End::waits : End::runs;
  }
  // It will not be done. False when it has begun.
  bool call_off() { return move(State::waits, State::off); }
  // It goes on, and what is to be done then is done by itself. False when it has ended.
  bool leave() { return move(State::runs, State::left); }

 private:
  enum class State : std::uint8_t { waits, off, runs, left, done };
  bool move(State from, State to) {
    const std::lock_guard lock(mutex_);
    if (state_ != from) return false;
    state_ = to;
    if (to == State::done) changed_.notify_all();
    return true;
  }

  const std::function<void()> work_;
  const std::function<void()> left_;
  std::mutex mutex_;  // guards state_
  std::condition_variable changed_;
  State state_ = State::waits;
};

}  // namespace cm::plugin
