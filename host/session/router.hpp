#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "routing/registry.hpp"
#include "routing/route_table.hpp"
#include "session/peers.hpp"

namespace cm::session {

// What the rules know of a client.
struct ClientState {
  routing::ClientId id;
  Peers peers;
  bool admitted = false;
  bool held = false;  // what it sends waits until its agent releases it
};

// What the rules know of a frontend.
struct FrontendRules {
  routing::ServiceRef owner = routing::ServiceRef::none;
  routing::KindRef owner_kind = routing::KindRef::none;
  bool routes = false;                     // carries messages past its owner
  std::vector<std::uint16_t> intercepted;  // few

  [[nodiscard]] bool intercepts(std::uint16_t id) const {
    return std::find(intercepted.begin(), intercepted.end(), id) != intercepted.end();
  }
};

// The gateway's rules: where a client's message goes. No io, one an io worker, used on its thread.
class Router {
 public:
  Router(const routing::Registry& registry, const routing::Routes& routes) : services_(registry), routes_(routes) {}

  enum class What : std::uint8_t {
    taken,
    blocked,       // no route
    not_admitted,  // the route asks for an admitted client
    no_service,    // no service of that kind is up
    full,          // `service` takes no more: the client waits
    lost,          // `service`, which the client is bound to, is gone: lose() it, then again
    refused,       // the message is larger than the way to its service takes
  };
  struct Verdict {
    What what = What::taken;
    routing::ServiceRef service = routing::ServiceRef::none;
    routing::KindRef kind = routing::KindRef::none;
  };
  // Hands the message to whom the rules name. An intercepted one holds the client; the first of an `auth` route binds
  // it.
  Verdict forward(const FrontendRules& rules, ClientState& client, std::uint16_t id, std::span<const std::byte> body);

  struct Lost {
    bool was_bound = false;
    routing::KindRef kind = routing::KindRef::none;
    routing::ServiceRef next = routing::ServiceRef::none;  // the client is bound to it instead; none: nobody is there
  };
  // A service is gone: takes it out of the client's peers, and binds another of its kind when it was bound; itself
  // only when it `may_return`, i.e. is another one under its id if it is up.
  Lost lose(ClientState& client, routing::ServiceRef lost, bool may_return);

  // Hands any other envelope to `envelope.to`.
  routing::Delivery deliver(const routing::Envelope& envelope) {
    return routing::Registry::deliver(services_.get(), envelope);
  }

 private:
  Verdict to_owner(const FrontendRules& rules, routing::Envelope& message);
  Verdict to_least_loaded(ClientState& client, routing::RouteTable::Rule rule, routing::Envelope& message);

  routing::Registry::View services_;
  routing::Routes::View routes_;
};

}  // namespace cm::session
