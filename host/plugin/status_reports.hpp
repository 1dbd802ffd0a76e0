#pragma once

#include <cstdint>
#include <string_view>

#include "plugin/clock.hpp"
#include "routing/registry.hpp"

namespace cm::plugin {

class HubClient;

// A service's load: at once in this host's registry, and by the hub in those of others. Reported when it changed (once
// a second at most) and every three seconds. Owned by a service, used on its thread.
class StatusReports {
 public:
  StatusReports(routing::Registry& registry, routing::ServiceRef self) : registry_(registry), self_(self) {}

  void set_load(std::uint64_t users);
  // The service stands in the registry from now on.
  void registered();
  // The report that is due, as the body of a SvcStatusACK; empty: none.
  [[nodiscard]] std::string due(std::int64_t now);
  [[nodiscard]] std::int64_t next_deadline() const;

  // Another service's report, as the hub passed it on.
  static void apply(routing::Registry& registry, const routing::Registry::Snapshot& snapshot, std::string_view body);
  static const std::uint16_t kMessageId;

 private:
  routing::Registry& registry_;
  const routing::ServiceRef self_;
  bool known_ = false;
  bool changed_ = false;
  std::uint64_t users_ = 0;
  std::int64_t reported_at_ = 0;
};

}  // namespace cm::plugin
