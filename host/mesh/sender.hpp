#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "mesh/out_stream.hpp"
#include "mesh/wire.hpp"
#include "routing/names.hpp"

namespace cm::mesh {

// Writes frames into the stream to the peer, and says what a ref means before it is first used. Owned by a link, on its
// io worker.
class Sender {
 public:
  explicit Sender(const routing::Names& names) : names_(names) {}

  // False when the stream has defined as many services as it may.
  bool envelope(const routing::Envelope& envelope);
  void frame(FrameType type, std::span<const std::byte> payload);
  void number(FrameType type, std::uint64_t value);
  void flow(FrameType type, routing::ServiceRef service, Side side);
  // Makes the peer know `ref`; false as above.
  bool define(routing::ServiceRef ref) {
    const auto i = static_cast<std::size_t>(ref);
    return ref == routing::ServiceRef::none || (i < defined_.size() && defined_[i] != 0) || define_new(ref);
  }

  // Calls fn(envelope, it may have arrived) for all that are kept, in order; bodies are valid during the call.
  void for_each_envelope(const std::function<void(const routing::Envelope&, bool)>& fn) const;
  // A new stream, empty.
  void reset();

  [[nodiscard]] OutStream& stream() { return stream_; }
  [[nodiscard]] const OutStream& stream() const { return stream_; }

 private:
  bool define_new(routing::ServiceRef ref);

  const routing::Names& names_;
  OutStream stream_;
  std::vector<std::uint8_t> defined_;  // by ref
  std::size_t define_count_ = 0;
};

}  // namespace cm::mesh
