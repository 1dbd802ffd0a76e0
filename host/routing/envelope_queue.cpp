#include "routing/envelope_queue.hpp"

#include <cstring>

namespace cm::routing {
namespace {

// How an envelope lies in the queue's bytes: this, then the body.
struct Stored {
  Envelope envelope;  // body.data() means nothing here
  std::size_t body_size;
};

// A buffer that grew for a burst is given back when the queue runs empty.
constexpr std::size_t kKeepCapacity = 256U << 10U;

}  // namespace

EnvelopeQueue::Put EnvelopeQueue::put(const Envelope& envelope) {
  const std::size_t size = sizeof(Stored) + envelope.body.size();
  const Stored stored{envelope, envelope.body.size()};
  const std::lock_guard lock(mutex_);
  if (closed_) return {Delivery::gone, false};
  // An empty queue takes any one message, so that a small limit cannot block a large message for ever.
  const std::size_t limit = must_arrive(envelope.kind) ? limits_.hard : limits_.soft;
  if (!bytes_.empty() && bytes_.size() + size > limit) {
    refused_ = true;
    return {Delivery::full, false};
  }
  const bool was_empty = bytes_.empty();
  const auto* head = reinterpret_cast<const std::byte*>(&stored);
  bytes_.insert(bytes_.end(), head, head + sizeof(Stored));
  bytes_.insert(bytes_.end(), envelope.body.begin(), envelope.body.end());
  size_.store(bytes_.size(), std::memory_order_relaxed);
  return {Delivery::sent, was_empty};
}

void EnvelopeQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

bool EnvelopeQueue::take(Batch& batch) {
  const std::lock_guard lock(mutex_);
  const bool refused = refused_;
  if (batch.empty()) {
    batch.clear();
    std::swap(batch.bytes_, bytes_);
    size_.store(0, std::memory_order_relaxed);
    refused_ = false;
  }
  return refused;
}

Envelope EnvelopeQueue::Batch::decode(std::size_t& offset) const {
  Stored stored;
  std::memcpy(static_cast<void*>(&stored), bytes_.data() + offset, sizeof(Stored));
  stored.envelope.body = {bytes_.data() + offset + sizeof(Stored), stored.body_size};
  offset += sizeof(Stored) + stored.body_size;
  return stored.envelope;
}

void EnvelopeQueue::Batch::clear() {
  read_ = 0;
  if (bytes_.capacity() > kKeepCapacity) {
    std::vector<std::byte>().swap(bytes_);
  } else {
    bytes_.clear();
  }
}

}  // namespace cm::routing
