#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "plugin/thread_task.hpp"
#include "plugin/wake_signal.hpp"
#include "routing/destination.hpp"
#include "routing/envelope_queue.hpp"

namespace cm::plugin {

// What became of a job of the blocking pool.
struct JobResult {
  std::string handler;
  std::string cookie;
  std::int32_t status = 0;
  std::string output;
  std::string fault;  // what an escaped exception said
};

// Where everything for one service arrives: envelopes in a bounded queue, and beside it, bounded by their nature, the
// few things that may never be refused. Shared by the registry, the blocking pool and the service.
class Mailbox final : public routing::Destination {
 public:
  explicit Mailbox(routing::EnvelopeQueue::Limits limits) : queue_(limits) {}

  [[nodiscard]] routing::Delivery deliver(const routing::Envelope& envelope) override;

  // Another service came up or went away. In order with the envelopes unless the queue is past its hard limit.
  // [any thread]
  void service_changed(routing::ServiceRef ref, bool up);
  // The service's settings as they now are; a newer one replaces one not read yet. [any thread]
  void settings_changed(std::string bytes);
  // A shared entry of the KV; nullopt: it is gone. A newer one replaces one not read yet. [any thread]
  void entry_changed(const std::string& name, std::optional<std::string> value);
  void job_done(JobResult result);             // [blocking thread]
  void run(std::shared_ptr<ThreadTask> task);  // [loader thread]
  // The service is to finish what is there and end. [loader thread]
  void begin_drain();
  void wake() { signal_.wake(); }  // [any thread]
  // From now on deliver() answers `gone`. [any thread]
  void close() { queue_.close(); }

  struct Changes {
    bool down = false;  // it went away
    bool up = false;    // it is up, after that
  };
  struct Aside {
    std::map<routing::ServiceRef, Changes> services;
    std::optional<std::string> settings;
    std::map<std::string, std::optional<std::string>> entries;
    std::vector<JobResult> jobs;
    std::vector<std::shared_ptr<ThreadTask>> tasks;
    bool drain = false;
  };

  // All below: the service's thread.
  void wait_until(std::int64_t deadline_ms) { signal_.wait_until(deadline_ms); }
  // True when somebody was refused before and there is room now.
  bool take(routing::EnvelopeQueue::Batch& batch) { return queue_.take(batch); }
  // What came beside the queue, if anything.
  std::optional<Aside> take_aside();
  [[nodiscard]] bool empty() const { return queue_.size_bytes() == 0 && !has_aside_.load(std::memory_order_acquire); }

  [[nodiscard]] std::size_t size_bytes() const { return queue_.size_bytes(); }  // [any thread]

 private:
  template <class Change>
  void put_aside(Change&& change);

  routing::EnvelopeQueue queue_;
  WakeSignal signal_;
  std::atomic<bool> has_aside_{false};
  std::mutex mutex_;  // guards aside_
  Aside aside_;
};

}  // namespace cm::plugin
