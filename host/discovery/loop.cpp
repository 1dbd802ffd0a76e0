#include "discovery/loop.hpp"

#include <algorithm>

namespace cm::discovery {

using namespace std::chrono_literals;

Loop::Loop(HttpClientConfig http) : http_(std::move(http)) {}

void Loop::post(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    posted_.push_back(std::move(work));
  }
  http_.wakeup();
}

void Loop::run(const Work& after_turn) {
  while (!quit_) {
    run_posted(false);
    run_timers();
    after_turn();
    if (!quit_) http_.poll(time_to_next());
  }
  run_posted(true);
  after_turn();
}

void Loop::quit() { quit_ = true; }

void Loop::run_posted(bool last) {
  std::deque<Work> batch;
  {
    const std::lock_guard lock(mutex_);
    closed_ = last;
    batch.swap(posted_);
  }
  for (Work& work : batch) work();
}

void Loop::run_timers() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const Work work = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    work();
  }
}

std::chrono::milliseconds Loop::time_to_next() const {
  if (timers_.empty()) return 60s;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - Clock::now());
  return std::clamp<std::chrono::milliseconds>(left, 0ms, 60s);
}

void Timer::set(Loop::Clock::time_point when, Loop::Work work) {
  cancel();
  due_ = {when, ++loop_.last_timer_};
  loop_.timers_.emplace(due_, [this, w = std::move(work)] {
    due_ = {};
    w();
  });
}

void Timer::cancel() {
  if (due_.second == 0) return;
  loop_.timers_.erase(due_);
  due_ = {};
}

}  // namespace cm::discovery
