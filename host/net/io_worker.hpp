#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace cm::net {

class IoWorker;

// Something that other threads have work for on a worker: a link, a worker's sessions. Waking is coalesced: however
// many wakes come before the worker gets to it, on_wake() runs once.
class Wakeable {
 public:
  Wakeable() = default;
  Wakeable(const Wakeable&) = delete;
  Wakeable& operator=(const Wakeable&) = delete;
  virtual ~Wakeable() = default;
  virtual void on_wake() = 0;  // [its io worker]

 private:
  friend class IoWorker;
  std::atomic<bool> pending_{false};
};

// Something with bytes to send at the end of a turn.
class Flushable {
 public:
  Flushable() = default;
  Flushable(const Flushable&) = delete;
  Flushable& operator=(const Flushable&) = delete;
  virtual ~Flushable() = default;
  virtual void flush() = 0;  // [its io worker], once a turn at most

 private:
  friend class IoWorker;
  bool dirty_ = false;
};

// One thread with its own io_context(1). A turn: wait until something is ready, run all handlers that are, then flush
// links, then sessions, then free what was retired. Sessions and links live and die on one worker.
class IoWorker {
 public:
  explicit IoWorker(unsigned index);
  ~IoWorker();  // stops and joins
  IoWorker(const IoWorker&) = delete;
  IoWorker& operator=(const IoWorker&) = delete;

  void start();
  // Ends the loop after the turn that runs, and joins. What was posted and not run is dropped. [not the worker]
  void stop();

  [[nodiscard]] unsigned index() const { return index_; }
  [[nodiscard]] boost::asio::io_context& context() { return context_; }
  [[nodiscard]] bool on_this_thread() const;
  // Between start() and stop(). [any thread]
  [[nodiscard]] bool running() const;

  // Runs fn on the worker; for what happens seldom. [any thread]
  void post(std::function<void()> fn);
  // Runs fn on the worker and waits for it; directly when called on it. Not before start() or after stop(). [any
  // thread]
  void run_and_wait(const std::function<void()>& fn);

  // Runs target->on_wake() soon. The worker keeps the target alive until then. [any thread]
  void wake(std::shared_ptr<Wakeable> target);

  enum class FlushOrder : std::uint8_t { link, session };
  // flush() at the end of this turn; once however often it is called. The target must not die before that other than
  // through retire(). [worker]
  void mark_dirty(Flushable& target, FlushOrder order);
  // Destroys it at the end of this turn, after the flush. [worker]
  void retire(std::shared_ptr<void> object);

  // Scratch for one read, shared by everything on the worker; its bytes are valid until the handler returns. 256 KiB.
  // [worker]
  [[nodiscard]] std::span<std::byte> read_buffer() { return read_buffer_; }

  // Milliseconds of the steady clock, read once a turn. [worker]
  [[nodiscard]] std::int64_t now_ms() const { return now_ms_; }
  // Calls fn every period (a multiple of 100 ms), on the worker, for as long as the worker runs. Before start(), or on
  // the worker.
  void every(std::int64_t period_ms, std::function<void()> fn);

  // CPU seconds that the thread has used. [any thread]
  [[nodiscard]] double cpu_seconds() const;

 private:
  void run();
  void turn_end();

  const unsigned index_;
  boost::asio::io_context context_;
  std::vector<std::byte> read_buffer_;
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::int64_t now_ms_ = 0;
};

}  // namespace cm::net
