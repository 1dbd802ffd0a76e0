#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "routing/frontends.hpp"
#include "session/router.hpp"

namespace cm::session {

class Session;

// A frontend as all workers see it. [any thread]
class Frontend {
 public:
  Frontend(routing::ServiceRef service, routing::KindRef its_kind, const routing::FrontendOptions& options)
      : owner(service), kind(its_kind), routes(options.routes), max_clients(options.max_clients) {}

  const routing::ServiceRef owner;
  const routing::KindRef kind;
  const bool routes;
  std::atomic<std::uint32_t> max_clients;
  std::atomic<std::uint64_t> clients{0};
  std::atomic<std::uint64_t> admitted{0};
  std::atomic<bool> closed{false};  // takes no envelope and no client any more

  // Takes a client's place; false when all are taken.
  [[nodiscard]] bool take_place() {
    if (clients.fetch_add(1, std::memory_order_relaxed) < max_clients.load(std::memory_order_relaxed)) return true;
    clients.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  // Sessions that exist, those included that are being closed.
  void entered() {
    const std::lock_guard lock(mutex_);
    ++inside_;
  }
  void left() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }
  // False when some are still inside after that time.
  [[nodiscard]] bool wait_empty(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return empty_.wait_for(lock, timeout, [&] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;  // guards inside_
  std::condition_variable empty_;
  std::uint64_t inside_ = 0;
};

// A frontend's part on one io worker. Worker only.
struct Shard {
  std::shared_ptr<Frontend> frontend;
  routing::FrontendOptions options;  // limits and time-outs
  FrontendRules rules;
  std::vector<Session*> sessions;  // open ones, those that are admitted in front
  std::size_t admitted = 0;
};

}  // namespace cm::session
