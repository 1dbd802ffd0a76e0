#include "mesh/sender.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/log.hpp"

namespace cm::mesh {

bool Sender::envelope(const routing::Envelope& envelope) {
  routing::Envelope out = envelope;
  if (!to_wire(out.to) || !to_wire(out.from) || !to_wire(out.client.agent)) return false;
  std::array<std::byte, kFrameHead + kEnvelopeHead> head;
  encode_envelope(head.data(), out);
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
  const std::uint32_t ref = wire_ref(service);
  if (ref == 0) return;
  std::array<std::byte, 5> payload;
  put_u32(payload.data(), ref);
  payload[4] = static_cast<std::byte>(side);
  frame(type, payload);
}

std::uint32_t Sender::define(routing::ServiceRef ref) {
  const std::string_view id = names_.service_id(ref);
  if (id.empty()) return 0;
  if (defined_.size() == kMaxRef) {
    if (!std::exchange(said_full_, true)) {
      base::log(base::Room::mesh)
          .error("a link has named {} services, as many as it may; messages about others are dropped", defined_.size());
    }
    return 0;
  }
  const auto wire = static_cast<std::uint32_t>(defined_.size() + 1);
  std::array<std::byte, 4 + kMaxServiceId> payload;
  const std::size_t size = std::min(id.size(), kMaxServiceId);
  put_u32(payload.data(), wire);
  std::memcpy(payload.data() + 4, id.data(), size);
  frame(FrameType::define, std::span(payload).first(4 + size));
  names_.hold(ref);
  defined_.push_back(ref);
  const auto i = static_cast<std::size_t>(ref);
  if (i >= wire_refs_.size()) wire_refs_.resize(i + 1);
  wire_refs_[i] = wire;
  return wire;
}

routing::ServiceRef Sender::from_wire(routing::ServiceRef ref) const {
  const auto i = static_cast<std::size_t>(ref);
  return i == 0 || i > defined_.size() ? routing::ServiceRef::none : defined_[i - 1];
}

void Sender::for_each_envelope(const std::function<void(const routing::Envelope&, bool)>& fn) const {
  stream_.for_each_frame([&](std::span<const std::byte> frame, bool sent) {
    if (static_cast<FrameType>(frame[0]) != FrameType::envelope) return;
    auto envelope = decode_envelope(frame.subspan(1));
    if (!envelope) return;
    envelope->to = from_wire(envelope->to);
    envelope->from = from_wire(envelope->from);
    envelope->client.agent = from_wire(envelope->client.agent);
    fn(*envelope, sent);
  });
}

void Sender::reset() {
  stream_.reset();
  names_.release(defined_);
  defined_.clear();
  wire_refs_.clear();
  said_full_ = false;
}

}  // namespace cm::mesh
