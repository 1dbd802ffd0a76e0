#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace cm::gateway {

// One thread that runs tasks in order: what may block (loading a plugin, probing a peer) and must not overlap.
class TaskThread {
 public:
  TaskThread();
  ~TaskThread();  // runs what is queued, then joins
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  // [any thread]
  void run(std::function<void()> task);
  // Queues the task when `delay` is over. stop() drops it if that is later. [any thread]
  void run_after(std::chrono::milliseconds delay, std::function<void()> task);
  // Runs what is queued, then joins; later tasks are dropped. [not its own thread]
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  void loop();
  void queue_due();

  std::mutex mutex_;  // guards all below
  std::condition_variable work_;
  std::deque<std::function<void()>> tasks_;
  std::multimap<Clock::time_point, std::function<void()>> later_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace cm::gateway
