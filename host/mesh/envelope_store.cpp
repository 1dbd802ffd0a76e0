#include "mesh/envelope_store.hpp"

#include <cstring>

namespace cm::mesh {
namespace {

struct Stored {
  routing::Envelope envelope;  // body.data() means nothing here
  std::size_t body_size;
};

Stored stored_at(const std::byte* at) {
  Stored stored;
  std::memcpy(static_cast<void*>(&stored), at, sizeof(Stored));
  return stored;
}

}  // namespace

void EnvelopeStore::push(const routing::Envelope& envelope) {
  if (read_ > bytes_.size() / 2) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(read_));
    read_ = 0;
  }
  const Stored stored{envelope, envelope.body.size()};
  const auto* head = reinterpret_cast<const std::byte*>(&stored);
  bytes_.insert(bytes_.end(), head, head + sizeof(Stored));
  bytes_.insert(bytes_.end(), envelope.body.begin(), envelope.body.end());
  ++count_;
}

routing::Envelope EnvelopeStore::front() const {
  Stored stored = stored_at(bytes_.data() + read_);
  stored.envelope.body = {bytes_.data() + read_ + sizeof(Stored), stored.body_size};
  return stored.envelope;
}

void EnvelopeStore::pop() {
  read_ += sizeof(Stored) + stored_at(bytes_.data() + read_).body_size;
  if (--count_ == 0) clear();
}

void EnvelopeStore::clear() {
  std::vector<std::byte>().swap(bytes_);
  read_ = count_ = 0;
}

}  // namespace cm::mesh
