#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "net/buffer.hpp"
#include "net/frame.hpp"

namespace cm::net {

// Cuts a byte stream into frames. One read goes into the worker's shared scratch, all complete frames are taken out of
// it, and only what is left (part of a frame, or frames that may not be taken yet) is kept in a pooled buffer. A large
// frame that comes in pieces is read straight into its place, so that a byte at a time costs no copying. [worker]
class FrameReader {
 public:
  // Bytes asked for by one read.
  static constexpr std::size_t kRead = 64U << 10U;
  // Kept bytes that are copied to the scratch in front of the next read.
  static constexpr std::size_t kCopy = 4U << 10U;

  enum class Status : std::uint8_t { more, stopped, malformed, too_large };
  enum class Taken : std::uint8_t { yes, yes_and_stop, no };  // no: the frame stays, and the rest behind it

  struct Window {
    std::span<std::byte> space;  // for the read
    std::span<std::byte> all;    // what was kept, then `space`; when it was copied to the scratch
  };
  // Where to read to. `scratch` holds at least kCopy + kRead.
  [[nodiscard]] Window begin(BufferPool& pool, std::span<std::byte> scratch, std::size_t max_body) {
    if (kept_.size() <= kCopy) {
      std::copy_n(kept_.bytes().data(), kept_.size(), scratch.data());
      return {scratch.subspan(kept_.size(), kRead), scratch.first(kept_.size() + kRead)};
    }
    const Decoded d = decode_frame(kept_.bytes(), std::max(max_body, kMaxFrameBody));
    const std::size_t missing = d.size > kept_.size() ? d.size - kept_.size() : kRead;
    return {kept_.space(pool, missing).first(missing), {}};
  }

  // `size` bytes were read: calls take(id, body) -> Taken for each complete frame. The body is valid during the call.
  template <class Take>
  Status end(BufferPool& pool, const Window& window, std::size_t size, std::size_t max_body, Take&& take) {
    if (window.all.empty()) {
      kept_.commit(size);
      return resume(pool, max_body, take);
    }
    const std::span<const std::byte> bytes = window.all.first(kept_.size() + size);
    kept_.release(pool);
    std::size_t used = 0;
    const Status status = decode(bytes, used, max_body, take);
    kept_.append(pool, bytes.subspan(used));
    return status;
  }

  // `size` bytes were read that may not be looked at yet.
  void keep(BufferPool& pool, const Window& window, std::size_t size) {
    if (window.all.empty()) {
      kept_.commit(size);
    } else {
      kept_.append(pool, window.space.first(size));
    }
  }

  // As end(), of the bytes that were kept.
  template <class Take>
  Status resume(BufferPool& pool, std::size_t max_body, Take&& take) {
    std::size_t used = 0;
    const Status status = decode(kept_.bytes(), used, max_body, take);
    kept_.consume(used);
    if (kept_.empty()) kept_.release(pool);
    return status;
  }

  [[nodiscard]] std::size_t kept() const { return kept_.size(); }
  // The frame that was not taken or is malformed or too large; only its header is looked at.
  [[nodiscard]] std::uint16_t next_id(std::size_t max_body) const { return decode_frame(kept_.bytes(), max_body).id; }
  void release(BufferPool& pool) { kept_.release(pool); }

 private:
  template <class Take>
  static Status decode(std::span<const std::byte> bytes, std::size_t& used, std::size_t max_body, Take& take) {
    while (true) {
      const Decoded d = decode_frame(bytes.subspan(used), max_body);
      switch (d.status) {
        case Decoded::Status::incomplete:
          return Status::more;
        case Decoded::Status::malformed:
          return Status::malformed;
        case Decoded::Status::too_large:
          return Status::too_large;
        case Decoded::Status::complete:
          break;
      }
      const Taken taken = take(d.id, d.body);
      if (taken == Taken::no) return Status::stopped;
      used += d.size;
      if (taken == Taken::yes_and_stop) return Status::stopped;
    }
  }

  Buffer kept_;
};

}  // namespace cm::net
