#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "discovery/pace.hpp"
#include "plugin/clock.hpp"
#include "routing/registry.hpp"

namespace cm::plugin {

// A service's health as it says it, and in the registry, from where links and the catalog carry it on. Changes reach
// the registry at once; of a service that changes for ever, one a second. Owned by a service, used on its thread.
class Health {
 public:
  Health(routing::Registry& registry, routing::ServiceRef self) : registry_(registry), self_(self) {}

  // Empty: healthy.
  void set(std::string_view reason);
  [[nodiscard]] const std::string& reason() const { return reason_; }
  // Between both nothing is published: a new generation has until then to say how it is.
  void begin_takeover();
  void end_takeover();
  // The service stands in the registry with this reason from now on.
  void registered();
  // Publishes a change that had to wait.
  void due(std::int64_t now);
  [[nodiscard]] std::int64_t next_deadline() const { return publish_at_; }

 private:
  void schedule();

  routing::Registry& registry_;
  const routing::ServiceRef self_;
  std::string reason_;
  std::string published_;
  bool registered_ = false;
  bool held_ = false;
  discovery::Pace pace_{std::chrono::seconds(1), 5};
  std::int64_t publish_at_ = kNever;
};

}  // namespace cm::plugin
