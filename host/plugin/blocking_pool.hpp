#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "cellmesh/abi/offload.h"
#include "plugin/mailbox.hpp"

namespace cm::plugin {

// Counts the jobs of one service that are queued or run, so that its library stays until the last has returned.
class JobGate {
 public:
  void enter();
  void leave();
  // False when some are still inside after the time. [loader thread]
  bool wait_empty(std::chrono::milliseconds timeout);
  [[nodiscard]] std::size_t inside() const;

 private:
  mutable std::mutex mutex_;  // guards inside_
  std::condition_variable changed_;
  std::size_t inside_ = 0;
};

struct Job {
  cm_job work = nullptr;
  std::string input;
  std::string handler;
  std::string cookie;
  std::shared_ptr<Mailbox> result_to;
  std::shared_ptr<JobGate> gate;
};

// Threads for blocking work, shared by all services of the host. Threads start as they are needed, up to the number
// given. The queue is bounded in jobs and bytes.
class BlockingPool {
 public:
  struct Limits {
    unsigned threads = 4;
    std::size_t jobs = 10'000;
    std::size_t bytes = 256U << 20U;
  };
  explicit BlockingPool(Limits limits);
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  // Drops what waits, and waits a bounded time for what runs.
  ~BlockingPool();

  // False when the queue is full. [any thread]
  bool submit(Job job);
  // Drops the waiting jobs of a service. [any thread]
  void cancel(const std::shared_ptr<JobGate>& gate);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the threads: one may hang past the pool's end
};

}  // namespace cm::plugin
