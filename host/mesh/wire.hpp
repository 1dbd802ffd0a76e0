#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "routing/envelope.hpp"

// How bytes lie on a link; all numbers little-endian.
//
//   frame     u32 size of what follows, u8 type, payload
//   opening   (the frames of the handshake) payload: u32 magic, u16 major, u16 minor, a message of mesh.proto
//   stream    after `go` each direction is a stream of bytes with an offset that starts at 0 and outlives the TCP
//             connection; what was not acknowledged is sent again on the next one
namespace cm::mesh {

inline constexpr std::uint32_t kMagic = 0x4B4C4D43;  // CMLK
inline constexpr std::uint16_t kMajor = 1;           // must be equal on both sides
inline constexpr std::uint16_t kMinor = 0;

// They stand on the links: never renumber.
enum class FrameType : std::uint8_t {
  hello = 1,
  welcome = 2,
  go = 3,
  refuse = 4,
  who = 5,  // no message; answered by identity
  identity = 6,

  envelope = 16,
  define = 17,    // u32 ref, service id: what the sender means by a ref, before it is first used
  announce = 18,  // mesh.proto Announce
  withdraw = 19,  // u32 ref each: services that went away
  loads = 20,     // u32 ref, u64 users each
  ack = 21,       // u64: bytes of the receiver's stream that were taken
  ping = 22,      // u64, answered by pong with the same
  pong = 23,
  xoff = 24,     // u32 ref, u8 Side: take no more for it
  xon = 25,      // u32 ref, u8 Side
  goodbye = 26,  // mesh.proto Goodbye
};

// Which of a service's two queues.
enum class Side : std::uint8_t { mailbox = 0, clients = 1 };
[[nodiscard]] constexpr Side side_of(routing::Kind kind) {
  return routing::for_clients(kind) ? Side::clients : Side::mailbox;
}

inline constexpr std::size_t kFrameHead = 5;
inline constexpr std::size_t kEnvelopeHead = 35;  // of an envelope's payload
inline constexpr std::size_t kMaxClientBody = 65'533;
// A service's largest body and what may stand around it (a list of clients, a channel's name).
inline constexpr std::size_t kMaxBody = (4U << 20U) + (64U << 10U);
inline constexpr std::size_t kMaxFrame = kFrameHead + kEnvelopeHead + kMaxBody;
inline constexpr std::size_t kMaxOpening = 256U << 10U;  // payload
// Refs that one stream may define: they are 1 to this.
inline constexpr std::uint32_t kMaxRef = 1U << 16U;
inline constexpr std::size_t kMaxServiceId = 256;

// The largest body that an envelope of this kind may have.
[[nodiscard]] constexpr std::size_t max_body(routing::Kind kind) {
  using routing::Kind;
  return kind == Kind::client_message || kind == Kind::to_client || kind == Kind::broadcast ? kMaxClientBody : kMaxBody;
}

void put_u16(std::byte* to, std::uint16_t value);
void put_u32(std::byte* to, std::uint32_t value);
void put_u64(std::byte* to, std::uint64_t value);
[[nodiscard]] std::uint16_t get_u16(const std::byte* from);
[[nodiscard]] std::uint32_t get_u32(const std::byte* from);
[[nodiscard]] std::uint64_t get_u64(const std::byte* from);

struct Frame {
  FrameType type{};
  std::span<const std::byte> payload;
  [[nodiscard]] std::size_t size() const { return kFrameHead + payload.size(); }
};

void encode_frame_head(std::byte* to, FrameType type, std::size_t payload_size);
// Writes the frame up to the body: kFrameHead + kEnvelopeHead bytes.
void encode_envelope(std::byte* to, const routing::Envelope& envelope);
// The envelope of a payload, its refs as they stand there; nothing when no honest peer sends such a one.
[[nodiscard]] std::optional<routing::Envelope> decode_envelope(std::span<const std::byte> payload);

}  // namespace cm::mesh
