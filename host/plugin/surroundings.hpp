#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "plugin/blocking_pool.hpp"
#include "routing/envelope_queue.hpp"
#include "routing/frontends.hpp"
#include "routing/registry.hpp"

namespace cm::plugin {

class SharedKv;

// Who this host is; its services get its index and group.
struct HostIdentity {
  std::string name;
  std::uint32_t index = 0;
  std::string group;
  std::string mesh;
  std::string boot;
};

struct Patience {
  std::chrono::milliseconds settings{30'000};  // for the first values from the KV
  std::chrono::milliseconds start{30'000};     // for a service's create and start
  std::chrono::milliseconds drain{2'000};      // for what a stopping service still has to answer
  std::chrono::milliseconds stop{10'000};      // for a hook or a job that runs, before it is given up
};

// What every service of the host stands on. Outlives them all.
struct Surroundings {
  routing::Registry& registry;
  routing::Frontends* frontends = nullptr;  // null: this host has none
  std::shared_ptr<BlockingPool> pool;
  HostIdentity identity;
  Patience patience;
  routing::EnvelopeQueue::Limits mailbox;
  // A generation on probation had too many faults. Called on a service's thread; must not block.
  std::function<void(const std::string& plugin, std::uint64_t generation)> faulty;
  SharedKv* kv = nullptr;  // null: this host has none
};

}  // namespace cm::plugin
