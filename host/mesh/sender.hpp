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

// Writes frames into the stream to the peer, with refs of that stream's own, and says what one means before it is first
// used. Owned by a link, on its io worker.
class Sender {
 public:
  explicit Sender(routing::Names& names) : names_(names) {}
  ~Sender() { reset(); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // False when the stream has defined as many services as it may.
  bool envelope(const routing::Envelope& envelope);
  void frame(FrameType type, std::span<const std::byte> payload);
  void number(FrameType type, std::uint64_t value);
  void flow(FrameType type, routing::ServiceRef service, Side side);
  // Returns the number by which the peer knows `ref`, which is defined if it is new; 0 for none, and when the stream
  // has defined as many services as it may.
  std::uint32_t wire_ref(routing::ServiceRef ref) {
    const auto i = static_cast<std::size_t>(ref);
    return i < wire_refs_.size() && wire_refs_[i] != 0 ? wire_refs_[i] : define(ref);
  }

  // Calls fn(envelope, it may have arrived) for all that are kept, in order; bodies are valid during the call.
  void for_each_envelope(const std::function<void(const routing::Envelope&, bool)>& fn) const;
  // A new stream, empty.
  void reset();

  [[nodiscard]] OutStream& stream() { return stream_; }
  [[nodiscard]] const OutStream& stream() const { return stream_; }

 private:
  std::uint32_t define(routing::ServiceRef ref);
  // Puts the number that the peer knows in place of `ref`. False when there is none.
  bool to_wire(routing::ServiceRef& ref) {
    if (ref == routing::ServiceRef::none) return true;
    ref = static_cast<routing::ServiceRef>(wire_ref(ref));
    return ref != routing::ServiceRef::none;
  }
  [[nodiscard]] routing::ServiceRef from_wire(routing::ServiceRef ref) const;

  routing::Names& names_;
  OutStream stream_;
  std::vector<std::uint32_t> wire_refs_;      // by ref; 0: not defined
  std::vector<routing::ServiceRef> defined_;  // by wire ref - 1; held in names_, so that none changes its meaning
  bool said_full_ = false;
};

}  // namespace cm::mesh
