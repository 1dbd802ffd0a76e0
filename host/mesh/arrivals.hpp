#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>

#include "mesh/clients_seen.hpp"
#include "mesh/envelope_store.hpp"
#include "mesh/wire.hpp"
#include "routing/registry.hpp"

namespace cm::mesh {

// Hands what a peer sent to the services of this host. What a full one does not take waits here, in order, and the peer
// is told to send no more for it. Remembers which of the peer's clients spoke to whom. Owned by a link, on its io
// worker.
class Arrivals {
 public:
  class Hooks {
   public:
    // A service takes no more, or takes again.
    virtual void on_flow(routing::ServiceRef service, Side side, bool open) = 0;
    // To be sent to the peer.
    virtual void on_answer(const routing::Envelope& envelope) = 0;

   protected:
    ~Hooks() = default;
  };

  // Remembers `max_clients` pairs of a client and a service at most: no honest peer has so many.
  Arrivals(const routing::Registry& registry, Hooks& hooks, std::size_t max_clients)
      : view_(registry), hooks_(hooks), max_clients_(max_clients) {}

  // `from_agent`: the client is of an agent of the peer's.
  void take(const routing::Envelope& envelope, bool from_agent);
  // A client of the peer's was bound to a service of this host, by that service's own wish.
  void bound(routing::ClientId client, routing::ServiceRef service);
  // Offers what waits once more.
  void retry();

  // The clients of an agent are gone with it: tells the services that knew them, once. Costs what that agent's clients
  // do.
  void agent_gone(routing::ServiceRef agent);
  void all_agents_gone();
  // Services of this host are no more; in order.
  void services_gone(std::span<const routing::ServiceRef> services);
  // Says again which services take no more, on a new stream.
  void repeat_flow();

  [[nodiscard]] const routing::Registry::Snapshot& snapshot() { return view_.get(); }
  void release_snapshot() { view_.release(); }
  [[nodiscard]] std::size_t parked_bytes() const { return parked_bytes_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  struct Target {
    routing::ServiceRef service = routing::ServiceRef::none;
    Side side = Side::mailbox;
    friend auto operator<=>(const Target&, const Target&) = default;
  };
  // Who is to be told of a client's end when its agent dies. That a client was only called for ends with no notice to
  // the service when it was not bound to it, so these are kept for the last so many.
  static constexpr std::size_t kCalledMost = 128U << 10U;
  struct Agent {
    ClientsSeen spoke;
    ClientsSeen called;
    ClientsSeen called_before;
    [[nodiscard]] std::size_t pairs() const { return spoke.size() + called.size() + called_before.size(); }
  };
  routing::Delivery hand_over(const routing::Envelope& envelope);
  void place(const routing::Envelope& envelope);
  void on_gone(const routing::Envelope& envelope);
  void remember(const routing::Envelope& envelope);
  void gone(Agent& agent);
  void forget(routing::ClientId client, routing::ServiceRef service);

  routing::Registry::View view_;
  Hooks& hooks_;
  std::map<Target, EnvelopeStore> parked_;
  std::size_t parked_bytes_ = 0;
  std::uint64_t dropped_ = 0;

  Agent& agent_of(routing::ClientId client);
  // Calls fn(agent) and keeps the count of pairs right.
  template <class Fn>
  void change(Agent& agent, Fn&& fn);

  const std::size_t max_clients_;
  std::unordered_map<routing::ServiceRef, Agent> agents_;
  std::size_t pairs_ = 0;
};

}  // namespace cm::mesh
