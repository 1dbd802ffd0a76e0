#include "session/frontend_clients.hpp"

#include <bitset>

#include "net/frame.hpp"
#include "session/client_list.hpp"

namespace cm::session {

using routing::Delivery;
using routing::Envelope;
using routing::Kind;

Delivery FrontendClients::deliver(const Envelope& envelope) {
  if (!routing::for_clients(envelope.kind) || frontend_->closed) return Delivery::gone;
  Envelope message = envelope;
  message.to = frontend_->owner;

  std::bitset<256> targets;
  std::size_t body = envelope.body.size();
  switch (envelope.kind) {
    case Kind::broadcast:
    case Kind::close_all:
      for (std::size_t i = 0; i < tables_.size(); ++i) targets.set(i);
      break;
    case Kind::to_clients:
    case Kind::close_clients: {
      const auto list = ClientList::parse(envelope.body);
      if (!list) {
        targets.set(0);  // counted there
        break;
      }
      for (std::size_t i = 0; i < list->size(); ++i) targets.set(SessionNumber::worker((*list)[i]));
      body = list->rest().size();
      break;
    }
    default: {
      // On the way of every answer: no loop over the workers.
      if (envelope.kind == Kind::to_client && body > net::kMaxFrameBody) return Delivery::too_large;
      const unsigned worker = SessionNumber::worker(envelope.client.session);
      if (worker >= tables_.size()) return Delivery::sent;  // no client of ours: as one that is gone
      SessionTable& table = *tables_[worker];
      if (!routing::must_arrive(envelope.kind) && table.is_full()) return Delivery::full;
      return table.put(message);
    }
  }

  const bool must_arrive = routing::must_arrive(envelope.kind);
  if (!must_arrive && body > net::kMaxFrameBody) return Delivery::too_large;
  if (!must_arrive) {
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      if (targets[i] && tables_[i]->is_full()) return Delivery::full;
    }
  }
  Delivery result = Delivery::sent;
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    if (!targets[i]) continue;
    const Delivery delivery = tables_[i]->put(message);
    if (delivery != Delivery::sent) result = delivery;
  }
  return result;
}

}  // namespace cm::session
