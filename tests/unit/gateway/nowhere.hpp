#pragma once

#include "routing/destination.hpp"

namespace cm::gateway {

// Takes every message, and does nothing with it.
class Nowhere final : public routing::Destination {
 public:
  routing::Delivery deliver(const routing::Envelope&) override { return routing::Delivery::sent; }
};

}  // namespace cm::gateway
