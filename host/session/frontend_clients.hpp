#pragma once

#include <memory>
#include <vector>

#include "routing/destination.hpp"
#include "session/session_table.hpp"

namespace cm::session {

// The clients of one frontend as a destination: hands an envelope to the workers that its sessions live on, to all of
// them or to none. [any thread]
class FrontendClients final : public routing::Destination {
 public:
  FrontendClients(std::shared_ptr<Frontend> frontend, std::vector<std::shared_ptr<SessionTable>> tables)
      : frontend_(std::move(frontend)), tables_(std::move(tables)) {}

  [[nodiscard]] routing::Delivery deliver(const routing::Envelope& envelope) override;

 private:
  // Constant after construction.
  const std::shared_ptr<Frontend> frontend_;
  const std::vector<std::shared_ptr<SessionTable>> tables_;  // by worker
};

}  // namespace cm::session
