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
  explicit ThreadTask(std::function<void()> work) : work_(std::move(work)) {}

  // Does it, unless it was called off. [service thread]
  void run() {
    {
      const std::lock_guard lock(mutex_);
      if (state_ != State::waits) return;
      state_ = State::runs;
    }
    work_();
    const std::lock_guard lock(mutex_);
    state_ = State::done;
    changed_.notify_all();
  }

  enum class End : std::uint8_t { done, called_off, runs };
  // Waits until it is done. After the time one that has not begun is called off; one that runs goes on. [loader thread]
  End wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, patience, [&] { return state_ == State::done; })) return End::done;
    if (state_ == State::runs) return End::runs;
    state_ = State::off;
    return End::called_off;
  }

 private:
  enum class State : std::uint8_t { waits, runs, done, off };
  const std::function<void()> work_;
  std::mutex mutex_;  // guards state_
  std::condition_variable changed_;
  State state_ = State::waits;
};

}  // namespace cm::plugin
