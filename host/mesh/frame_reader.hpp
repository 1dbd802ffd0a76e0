#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "mesh/wire.hpp"

namespace cm::mesh {

// Cuts what one connection brings into frames. Reads go into the worker's shared buffer; what is left of a frame at the
// end of a read is kept here, and a frame too large for that buffer is gathered in a buffer of its own. Owned by a
// link, on its io worker.
//
//   read into prepare(shared) -> commit(bytes) -> next() until it has none -> keep()
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_frame = kMaxFrame) : max_frame_(max_frame) {}

  // Where the next read goes. `shared` must stay as it is until keep(), and be of one size always.
  std::span<std::byte> prepare(std::span<std::byte> shared);
  void commit(std::size_t bytes);
  // The next complete frame; valid until the next call or keep().
  std::optional<Frame> next();
  // A length came that no frame has: nothing more can be understood.
  [[nodiscard]] bool bad() const { return bad_; }
  void keep();
  // The connection is gone, and with it the frame that it was in.
  void reset();

 private:
  static constexpr std::size_t kLarge = 64U << 10U;  // what is kept of a smaller frame is copied for the next read

  const std::size_t max_frame_;
  std::vector<std::byte> tail_;   // begin of a frame
  std::vector<std::byte> large_;  // a frame that is being gathered: grows with what has come of it
  std::size_t large_size_ = 0;    // of that frame; 0: there is none
  std::size_t large_have_ = 0;
  std::span<std::byte> data_;  // tail and what was read
  bool bad_ = false;
};

}  // namespace cm::mesh
