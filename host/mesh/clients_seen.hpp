#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "routing/ids.hpp"

namespace cm::mesh {

// Which clients of a peer's agents have spoken to which services of this host, so that these can be told when the agent
// dies. A flat hash set: adding what is there already is one probe. Owned by a link, on its io worker.
class ClientsSeen {
 public:
  ClientsSeen();

  // Past it nothing more is remembered: no honest peer has so many.
  static constexpr std::size_t kMost = 1U << 20U;

  // False when it is full.
  bool add(routing::ClientId client, routing::ServiceRef service);
  [[nodiscard]] bool contains(routing::ClientId client, routing::ServiceRef service) const;
  // False when it was not there.
  bool erase(routing::ClientId client, routing::ServiceRef service);

  struct Pair {
    routing::ClientId client;
    routing::ServiceRef service = routing::ServiceRef::none;
  };
  // Takes out all for which `wanted` says true.
  std::vector<Pair> take_if(const std::function<bool(const Pair&)>& wanted);

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t session = 0;
    routing::ServiceRef agent = routing::ServiceRef::none;  // none: the slot is free
    routing::ServiceRef service = routing::ServiceRef::none;
    friend bool operator==(const Slot&, const Slot&) = default;
  };
  // Where it is, or the free slot where it would be. Not when there are no slots.
  [[nodiscard]] std::size_t find(const Slot& wanted) const;
  [[nodiscard]] std::size_t home(const Slot& slot) const;
  void rehash(std::size_t slots);

  std::vector<Slot> slots_;  // a power of two; at most half full
  std::size_t size_ = 0;
  std::uint64_t seed_;  // so that no peer can choose sessions that collide
};

}  // namespace cm::mesh
