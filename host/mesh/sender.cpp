#include "mesh/sender.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace cm::mesh {

bool Sender::envelope(const routing::Envelope& envelope) {
  if (!define(envelope.to) || !define(envelope.from) || !define(envelope.client.agent)) return false;
  std::array<std::byte, kFrameHead + kEnvelopeHead> head;
  encode_envelope(head.data(), envelope);
  stream_.append(head);
  stream_.append(envelope.body);
  return true;
}

void Sender::frame(FrameType type, std::span<const std::byte> payload) {
  std::array<std::byte, kFrameHead> head;
  encode_frame_head(head.data(), type, payload.size());
  stream_.append(head);
  stream_.append(payload);
}

void Sender::number(FrameType type, std::uint64_t value) {
  std::array<std::byte, 8> payload;
  put_u64(payload.data(), value);
  frame(type, payload);
}

void Sender::flow(FrameType type, routing::ServiceRef service, Side side) {
  if (!define(service)) return;
  std::array<std::byte, 5> payload;
  put_u32(payload.data(), static_cast<std::uint32_t>(service));
  payload[4] = static_cast<std::byte>(side);
  frame(type, payload);
}

bool Sender::define_new(routing::ServiceRef ref) {
  const std::string_view id = names_.service_id(ref);
  if (define_count_ == kMaxDefines || id.empty()) return false;
  std::array<std::byte, 4 + kMaxServiceId> payload;
  const std::size_t size = std::min(id.size(), kMaxServiceId);
  put_u32(payload.data(), static_cast<std::uint32_t>(ref));
  std::memcpy(payload.data() + 4, id.data(), size);
  frame(FrameType::define, std::span(payload).first(4 + size));
  const auto i = static_cast<std::size_t>(ref);
  if (i >= defined_.size()) defined_.resize(i + 1);
  defined_[i] = 1;
  ++define_count_;
  return true;
}

void Sender::for_each_envelope(const std::function<void(const routing::Envelope&, bool)>& fn) const {
  stream_.for_each_frame([&](std::span<const std::byte> frame, bool sent) {
    if (static_cast<FrameType>(frame[0]) != FrameType::envelope) return;
    const auto envelope = decode_envelope(frame.subspan(1));
    if (envelope) fn(*envelope, sent);
  });
}

void Sender::reset() {
  stream_.reset();
  defined_.clear();
  define_count_ = 0;
}

}  // namespace cm::mesh
