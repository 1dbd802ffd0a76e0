#include "mesh/wire.hpp"

#include <bit>
#include <cstring>

namespace cm::mesh {
namespace {

static_assert(std::endian::native == std::endian::little, "the links are little-endian: swap in put and get");

template <class T>
void put(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}
template <class T>
T get(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

bool may_stand_on_links(routing::Kind kind) {
  using routing::Kind;
  if (routing::local_only(kind)) return false;
  return (kind >= Kind::message && kind <= Kind::intercepted) || (kind >= Kind::to_client && kind <= Kind::protocol);
}

}  // namespace

void put_u16(std::byte* to, std::uint16_t value) { put(to, value); }
void put_u32(std::byte* to, std::uint32_t value) { put(to, value); }
void put_u64(std::byte* to, std::uint64_t value) { put(to, value); }
std::uint16_t get_u16(const std::byte* from) { return get<std::uint16_t>(from); }
std::uint32_t get_u32(const std::byte* from) { return get<std::uint32_t>(from); }
std::uint64_t get_u64(const std::byte* from) { return get<std::uint64_t>(from); }

void encode_frame_head(std::byte* to, FrameType type, std::size_t payload_size) {
  put(to, static_cast<std::uint32_t>(payload_size + 1));
  put(to + 4, type);
}

void encode_envelope(std::byte* to, const routing::Envelope& e) {
  encode_frame_head(to, FrameType::envelope, kEnvelopeHead + e.body.size());
  to += kFrameHead;
  put(to, e.kind);
  put(to + 1, e.msg_id);
  put(to + 3, e.status);
  put(to + 7, e.to);
  put(to + 11, e.from);
  put(to + 15, e.client.agent);
  put(to + 19, e.client.session);
  put(to + 27, e.call);
}

std::optional<routing::Envelope> decode_envelope(std::span<const std::byte> payload) {
  if (payload.size() < kEnvelopeHead) return std::nullopt;
  const std::byte* at = payload.data();
  routing::Envelope e;
  e.kind = get<routing::Kind>(at);
  e.msg_id = get<std::uint16_t>(at + 1);
  e.status = get<std::int32_t>(at + 3);
  e.to = get<routing::ServiceRef>(at + 7);
  e.from = get<routing::ServiceRef>(at + 11);
  e.client.agent = get<routing::ServiceRef>(at + 15);
  e.client.session = get<std::uint64_t>(at + 19);
  e.call = get<std::uint64_t>(at + 27);
  e.body = payload.subspan(kEnvelopeHead);
  if (!may_stand_on_links(e.kind) || e.to == routing::ServiceRef::none || e.body.size() > max_body(e.kind)) {
    return std::nullopt;
  }
  return e;
}

}  // namespace cm::mesh
