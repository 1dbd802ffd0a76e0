#include "session/outbox.hpp"

#include "net/frame.hpp"

namespace cm::session {

using net::decode_frame;

void Outbox::append(net::BufferPool& pool, std::uint16_t id, std::span<const std::byte> body) {
  const std::size_t size = net::kFrameHeader + body.size();
  net::encode_frame(frames_.space(pool, size).data(), id, body);
  frames_.commit(size);
}

void Outbox::sent(net::BufferPool& pool, std::size_t bytes) {
  if (bytes == unsent().size()) return release(pool);
  std::size_t ahead = sent_ + bytes;
  while (true) {
    const std::size_t frame = decode_frame(frames_.bytes(), net::kMaxFrameBody).size;
    if (ahead < frame) break;
    ahead -= frame;
    frames_.consume(frame);
  }
  sent_ = static_cast<std::uint32_t>(ahead);
}

std::size_t Outbox::drop() {
  std::size_t keep = 0;
  std::size_t dropped = 0;
  for (std::size_t at = 0; at < frames_.size();) {
    const std::size_t frame = decode_frame(frames_.bytes().subspan(at), net::kMaxFrameBody).size;
    if (at == 0 && sent_ != 0) {
      keep = frame;
    } else {
      ++dropped;
    }
    at += frame;
  }
  frames_.truncate(keep);
  return dropped;
}

void Outbox::release(net::BufferPool& pool) {
  frames_.release(pool);
  sent_ = 0;
}

}  // namespace cm::session
