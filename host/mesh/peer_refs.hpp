#pragma once

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "mesh/config.hpp"
#include "routing/names.hpp"

namespace cm::mesh {

// What a peer means by its numbers for services: its ref -> this process's, which it holds in Names. Owned by a link,
// on its io worker; begins anew with each stream.
class PeerRefs {
 public:
  struct Known {
    routing::ServiceRef ref = routing::ServiceRef::none;  // none: the peer has not defined it
    // The registry's version for which this service was found to be nobody else's, so that the peer may speak for it.
    std::uint64_t cleared = 0;
  };

  PeerRefs(routing::Names& names, const PeerLimits& limits) : names_(names), limits_(limits) {}
  ~PeerRefs() { reset(); }
  PeerRefs(const PeerRefs&) = delete;
  PeerRefs& operator=(const PeerRefs&) = delete;

  // Refused: a number or an id that no honest peer has, a number with two meanings, too many.
  base::Status define(std::uint32_t wire_ref, std::string_view id);
  // Valid until the next define().
  [[nodiscard]] Known* find(routing::ServiceRef wire_ref) {
    const auto i = static_cast<std::size_t>(wire_ref);
    return i < known_.size() && known_[i].ref != routing::ServiceRef::none ? &known_[i] : nullptr;
  }
  // Returns true if the peer has defined this process's `ref`.
  [[nodiscard]] bool defines(routing::ServiceRef ref) const {
    const auto i = static_cast<std::size_t>(ref);
    return i < is_defined_.size() && is_defined_[i];
  }
  void reset();

 private:
  routing::Names& names_;
  const PeerLimits limits_;
  std::vector<Known> known_;
  std::vector<bool> is_defined_;  // by this process's refs
  std::set<routing::KindRef> kinds_;
  std::size_t defined_ = 0;
};

}  // namespace cm::mesh
