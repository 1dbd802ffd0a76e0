#include "gateway/task_thread.hpp"

#include <utility>

#include <pthread.h>

namespace cm::gateway {

TaskThread::TaskThread() : thread_([this] { loop(); }) { pthread_setname_np(thread_.native_handle(), "loader"); }

TaskThread::~TaskThread() { stop(); }

void TaskThread::run(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  tasks_.push_back(std::move(task));
  work_.notify_one();
}

void TaskThread::run_after(std::chrono::milliseconds delay, std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  later_.emplace(Clock::now() + delay, std::move(task));
  work_.notify_one();
}

void TaskThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    work_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

// Under the lock.
void TaskThread::queue_due() {
  const auto now = Clock::now();
  while (!later_.empty() && later_.begin()->first <= now) {
    tasks_.push_back(std::move(later_.begin()->second));
    later_.erase(later_.begin());
  }
}

void TaskThread::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!stopping_) queue_due();
    if (tasks_.empty()) {
      if (stopping_) return;
      if (later_.empty()) {
        work_.wait(lock);
      } else {
        const auto due = later_.begin()->first;
        work_.wait_until(lock, due);
      }
      continue;
    }
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds must not die under the lock
    lock.lock();
  }
}

}  // namespace cm::gateway
