#include "session/router.hpp"

namespace cm::session {

using routing::Delivery;
using routing::Envelope;
using routing::Kind;
using routing::KindRef;
using routing::Registry;
using routing::RouteMode;
using routing::ServiceRef;

Router::Verdict Router::forward(const FrontendRules& rules, ClientState& client, std::uint16_t id,
                                std::span<const std::byte> body) {
  Envelope message{.kind = Kind::client_message, .msg_id = id, .client = client.id, .body = body};
  if (rules.intercepts(id)) {
    message.kind = Kind::intercepted;
    client.held = true;  // before: the release may come before deliver() returns
    const Verdict verdict = to_owner(rules, message);
    if (verdict.what != What::taken) client.held = false;
    return verdict;
  }

  const auto rule = routes_.get().find(id);
  const bool owners = rule.kind == rules.owner_kind;
  if (rule.mode == RouteMode::blocked || (!owners && !rules.routes)) return {What::blocked};
  if (rule.mode == RouteMode::auth && !client.admitted) return {What::not_admitted};
  if (owners) return to_owner(rules, message);

  const ServiceRef bound = client.peers.bound(rule.kind);
  if (bound == ServiceRef::none) return to_least_loaded(client, rule, message);
  message.to = bound;
  switch (deliver(message)) {
    case Delivery::sent:
      return {What::taken, bound, rule.kind};
    case Delivery::full:
      return {What::full, bound, rule.kind};
    case Delivery::gone:
      return {What::lost, bound, rule.kind};
    case Delivery::too_large:
      break;
  }
  return {What::refused, bound, rule.kind};
}

Router::Verdict Router::to_owner(const FrontendRules& rules, Envelope& message) {
  message.to = rules.owner;
  switch (deliver(message)) {
    case Delivery::sent:
      return {What::taken, rules.owner, rules.owner_kind};
    case Delivery::full:
      return {What::full, rules.owner, rules.owner_kind};
    case Delivery::gone:
      return {What::no_service, rules.owner, rules.owner_kind};
    case Delivery::too_large:
      break;
  }
  return {What::refused, rules.owner, rules.owner_kind};
}

Router::Verdict Router::to_least_loaded(ClientState& client, routing::RouteTable::Rule rule, Envelope& message) {
  // A pick that is gone meanwhile leaves the registry's next snapshot: look twice.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Registry::Entry* entry = Registry::pick(services_.get(), rule.kind);
    if (entry == nullptr) break;
    const ServiceRef service = entry->ref;
    message.to = service;
    switch (entry->mailbox->deliver(message)) {
      case Delivery::sent:
        if (rule.mode == RouteMode::auth) {
          client.peers.bind(rule.kind, service);
        } else {
          client.peers.know(rule.kind, service);
        }
        return {What::taken, service, rule.kind};
      case Delivery::full:
        return {What::full, service, rule.kind};
      case Delivery::too_large:
        return {What::refused, service, rule.kind};
      case Delivery::gone:
        break;
    }
  }
  return {What::no_service, ServiceRef::none, rule.kind};
}

Router::Lost Router::lose(ClientState& client, ServiceRef lost, bool may_return) {
  const Peers::Peer peer = client.peers.forget(lost);
  Lost result{peer.bound, peer.kind, ServiceRef::none};
  if (!peer.bound) return result;
  const Registry::Entry* next = Registry::pick(services_.get(), peer.kind);
  if (next == nullptr || (next->ref == lost && !may_return)) return result;
  client.peers.bind(peer.kind, next->ref);
  // All clients of the lost one come by in a row: each counts until the next report, or they would all go to one.
  next->load->users.fetch_add(1, std::memory_order_relaxed);
  result.next = next->ref;
  return result;
}

}  // namespace cm::session
