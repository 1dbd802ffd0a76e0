#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "mesh/sender.hpp"
#include "routing/registry.hpp"

namespace cm::mesh {

// Tells a peer of this host's services: what is in the Registry against what the stream has announced. Owned by a link,
// on its io worker.
class LocalServices {
 public:
  LocalServices(const routing::Registry& registry, Sender& sender)
      : names_(registry.names()), view_(registry), sender_(sender) {}

  // Announces what came up or changed.
  void announce();
  // Withdraws what went away, and says what that was, in order.
  std::vector<routing::ServiceRef> withdraw();
  // Sends the loads that changed, and each now and then so that the peer keeps believing it.
  void send_loads(std::int64_t now_ms);
  // A new stream: nothing is announced.
  void reset() { announced_.clear(); }
  void release_snapshot() { view_.release(); }

  static constexpr std::uint32_t kLoadTtlMs = 6000;

 private:
  struct Announced {
    bool frontend = false;
    bool gateway = false;
    bool draining = false;
    std::string public_address;
    std::string unhealthy;
    std::uint64_t load = 0;
    std::int64_t load_due_ms = 0;
    friend bool operator==(const Announced&, const Announced&) = default;
  };

  const routing::Names& names_;
  routing::Registry::View view_;
  Sender& sender_;
  std::unordered_map<routing::ServiceRef, Announced> announced_;
};

}  // namespace cm::mesh
