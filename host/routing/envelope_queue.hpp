#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <vector>

#include "routing/envelope.hpp"

namespace cm::routing {

// Many threads put envelopes in, one takes all of them out at once. Header and body are copied into one growing byte
// buffer, so that in steady state nothing is allocated and the lock is held for a memcpy.
class EnvelopeQueue {
 public:
  struct Limits {
    std::size_t soft = 8U << 20U;   // bytes; past it messages are refused
    std::size_t hard = 16U << 20U;  // bytes; past it replies, closes and ends are refused as well
  };
  explicit EnvelopeQueue(Limits limits) : limits_(limits) {}

  struct Put {
    Delivery delivery = Delivery::sent;
    bool was_empty = false;  // the consumer sleeps: wake it
  };
  // [any thread]
  Put put(const Envelope& envelope);

  // No more is taken: put() answers `gone` from now on. [any thread]
  void close();

  // Takes everything that is queued; the batch keeps its buffer for the next take. True when a put had been refused
  // since the last take, i.e. somebody waits for room. [consumer]
  class Batch {
   public:
    // Calls fn(const Envelope&) in order. The envelope's body is valid during the call. fn returns false to stop; then
    // the rest stays, in order, for the next for_each().
    template <class Fn>
    void for_each(Fn&& fn) {
      while (read_ < bytes_.size()) {
        std::size_t next = read_;
        const Envelope envelope = decode(next);
        read_ = next;
        if (!fn(envelope)) break;
      }
      if (read_ == bytes_.size()) clear();
    }
    [[nodiscard]] bool empty() const { return read_ == bytes_.size(); }
    [[nodiscard]] std::size_t size_bytes() const { return bytes_.size() - read_; }

   private:
    friend class EnvelopeQueue;
    Envelope decode(std::size_t& offset) const;
    void clear();
    std::vector<std::byte> bytes_;
    std::size_t read_ = 0;
  };
  bool take(Batch& batch);

  [[nodiscard]] std::size_t size_bytes() const { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool over_soft() const { return size_bytes() > limits_.soft; }

 private:
  const Limits limits_;
  std::atomic<std::size_t> size_{0};
  std::mutex mutex_;  // guards all below
  std::vector<std::byte> bytes_;
  bool refused_ = false;
  bool closed_ = false;
};

}  // namespace cm::routing
