#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "net/buffer.hpp"

namespace cm::session {

// Frames that wait for a client's socket, in a pooled buffer while there are any. Knows where the frame begins that is
// partly sent, so that all others can be dropped. [io worker]
class Outbox {
 public:
  [[nodiscard]] bool empty() const { return frames_.empty(); }
  // Bytes that are held.
  [[nodiscard]] std::size_t size() const { return frames_.size(); }
  [[nodiscard]] std::span<const std::byte> unsent() const { return frames_.bytes().subspan(sent_); }

  void append(net::BufferPool& pool, std::uint16_t id, std::span<const std::byte> body);
  // So many bytes of unsent() are sent. Empty after the last: the buffer is given back.
  void sent(net::BufferPool& pool, std::size_t bytes);
  // Drops every frame that has not begun to be sent; their number.
  std::size_t drop();
  void release(net::BufferPool& pool);

 private:
  net::Buffer frames_;      // begins with a frame
  std::uint32_t sent_ = 0;  // bytes of that frame which are sent
};

}  // namespace cm::session
