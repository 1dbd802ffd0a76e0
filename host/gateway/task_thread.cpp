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

void TaskThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    work_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void TaskThread::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds must not die under the lock
    lock.lock();
  }
}

}  // namespace cm::gateway
