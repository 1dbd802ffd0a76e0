#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "routing/ids.hpp"

namespace cm::routing {

// What an envelope is. Values below 64 go to a service (its mailbox), from 64 on to the clients of a service (the
// sessions of its frontend). They stand on the links: never renumber.
enum class Kind : std::uint8_t {
  message = 1,         // service -> service
  client_message = 2,  // client -> service; `client` is who sent it
  call = 3,            // service -> service, waits for a reply; `call`, and `client` on whose behalf (may be none)
  reply = 4,           // the answer to a call; `status` not 0: no message
  client_closed = 5,   // `client` is gone; `status` is a cm_close_reason
  client_opened = 6,   // to the agent only, never on a link; body is the address that it comes from, `status` the
                       // Transport
  service_up = 7,      // `from` came up; made by this host, never on a link
  service_down = 8,    // `from` went away; made by this host, never on a link
  rebound =
      9,  // to the agent only: `client` was bound to `from`, now to `call` (a ServiceRef, 0 none); never on a link
  intercepted = 10,  // to the agent only: a client_message that holds its client's next ones back; never on a link

  // Of the next three, `status` is the version of the client protocol that the message came with; 0: the first.
  to_client = 64,      // to `client.session`
  to_clients = 65,     // body: ClientList, then the message's body
  broadcast = 66,      // to every admitted client
  close_client = 67,   // `status` is a cm_close_reason, body is the text
  close_clients = 68,  // body: ClientList, then the text
  close_all = 69,      // body is the text
  bind = 70,           // bind `client` to the service whose id is the body; `from` asks
  unbind = 71,         // end `client`'s binding to the kind that is the body; `from` asks
  admit = 72,          // agent only, never on a link
  release = 73,        // agent only, never on a link
  protocol = 74,       // agent only, never on a link; `status` is the version of the client protocol that it speaks
};

[[nodiscard]] constexpr bool for_clients(Kind kind) { return static_cast<std::uint8_t>(kind) >= 64; }
// Made and read within one host only: a link that brings one is lying.
[[nodiscard]] constexpr bool local_only(Kind kind) {
  return (kind >= Kind::client_opened && kind <= Kind::intercepted) || kind >= Kind::admit;
}

// Taken also above the limit that makes others `full`, up to the hard one: without it somebody would wait for ever, or
// keep what is gone.
[[nodiscard]] constexpr bool must_arrive(Kind kind) {
  switch (kind) {
    case Kind::message:
    case Kind::client_message:
    case Kind::call:
    case Kind::client_opened:
    case Kind::intercepted:
    case Kind::to_client:
    case Kind::to_clients:
    case Kind::broadcast:
      return false;
    default:
      return true;
  }
}

// One message on its way. A view: `body` belongs to the caller of deliver() and is copied by who keeps it.
// A ClientList in a body is a u32 count and `count` u64 session numbers, little-endian.
struct Envelope {
  Kind kind = Kind::message;
  std::uint16_t msg_id = 0;
  std::int32_t status = 0;
  ServiceRef to = ServiceRef::none;
  ServiceRef from = ServiceRef::none;
  ClientId client;
  std::uint64_t call = 0;
  std::span<const std::byte> body;
};

// What became of an envelope; the sender must look.
enum class Delivery : std::uint8_t {
  sent,       // taken; it will arrive unless its host dies
  full,       // the target's queue is full: not taken. Wait for Registry's `room` event, or drop and say so
  gone,       // no such service is up: not taken
  too_large,  // over the largest body: not taken
};

}  // namespace cm::routing
