#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <sys/uio.h>

namespace cm::mesh {

// One direction of a link, the sending side: bytes in pooled chunks, kept until the peer has acknowledged them. Offsets
// count from the stream's begin. Owned by its link, on the link's io worker.
//
//   acked <= sent <= end; after a reconnect `sent` goes back to what the peer got, `most_sent` never does
//
// What is appended between two turns is whole frames, and `acked` is always the end of one.
class OutStream {
 public:
  static constexpr std::size_t kChunk = 64U << 10U;

  void append(std::span<const std::byte> bytes);
  // Begins again at 0, empty.
  void reset();

  // Fills `into` with what waits to be sent, in order; returns how many entries.
  std::size_t gather(std::span<iovec> into) const;
  void on_sent(std::size_t bytes);
  // Returns false, and changes nothing, for an offset that an honest peer cannot name: see can_resume_at().
  bool on_acked(std::uint64_t offset);
  // On a new connection: the peer has everything before `offset`. False as above.
  bool resume_at(std::uint64_t offset);
  // Returns true if `offset` is the end of a frame that was sent and is not before what was acknowledged.
  [[nodiscard]] bool can_resume_at(std::uint64_t offset) const {
    return offset >= acked_ && offset <= most_sent_ && is_frame_end(offset);
  }

  // Calls fn(frame's bytes without its length, its last byte was sent once) for each frame that is kept.
  void for_each_frame(const std::function<void(std::span<const std::byte>, bool)>& fn) const;

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end_ - acked_); }
  [[nodiscard]] std::size_t unsent() const { return static_cast<std::size_t>(end_ - sent_); }
  [[nodiscard]] std::size_t unacked() const { return static_cast<std::size_t>(sent_ - acked_); }
  [[nodiscard]] std::uint64_t acked() const { return acked_; }
  [[nodiscard]] std::uint64_t most_sent() const { return most_sent_; }

 private:
  using Chunk = std::unique_ptr<std::byte[]>;
  // Walks from acked_, so each frame is looked at once over all acknowledgements. Not for an offset outside
  // acked_ to end_.
  [[nodiscard]] bool is_frame_end(std::uint64_t offset) const;
  [[nodiscard]] std::uint32_t length_at(std::uint64_t offset) const;
  void copy(std::uint64_t offset, std::span<std::byte> to) const;
  [[nodiscard]] const std::byte* at(std::uint64_t offset, std::size_t& run) const;
  void drop_front();

  static constexpr std::size_t kKeep = 16;  // spare chunks
  std::vector<Chunk> chunks_;               // from first_ on; the first holds offset base_
  std::size_t first_ = 0;
  std::vector<Chunk> spare_;
  std::uint64_t base_ = 0;  // a multiple of kChunk
  std::uint64_t acked_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t most_sent_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace cm::mesh
