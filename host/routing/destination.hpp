#pragma once

#include "routing/envelope.hpp"

namespace cm::routing {

// Where an envelope can be handed to: a service's mailbox, the sessions of a frontend, a link to another host.
class Destination {
 public:
  Destination() = default;
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;
  virtual ~Destination() = default;

  // Takes a copy of the envelope, or refuses it. Order is kept per calling thread. Never blocks. Replies, closes and
  // notices of ends are taken also above the limit that makes others `full` (up to twice of it). [any thread]
  [[nodiscard]] virtual Delivery deliver(const Envelope& envelope) = 0;
};

}  // namespace cm::routing
