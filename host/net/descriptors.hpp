#pragma once

#include <cstdint>

namespace cm::net {

// How many descriptors this process may have, and how many of them clients must leave to the rest of it: links, the
// admin socket, Consul, databases, reloads and their rehearsals, log files.
//
// The kernel gives the lowest number that is free. So a new descriptor of number `n` says that all below it are in use,
// by whomever, and nobody needs to count.
struct DescriptorLimits {
  std::uint64_t limit = 0;    // RLIMIT_NOFILE
  std::uint64_t reserve = 0;  // of it

  // A client's descriptor has a number below this.
  [[nodiscard]] std::uint64_t clients() const { return limit - reserve; }
  // From here to this one a client is told that there is no room; beyond it there is none to tell it.
  [[nodiscard]] std::uint64_t refusals() const { return limit - reserve / 2; }
};

// As they are now: the limit may be changed from outside (prlimit). [any thread]
[[nodiscard]] DescriptorLimits descriptor_limits();

}  // namespace cm::net
