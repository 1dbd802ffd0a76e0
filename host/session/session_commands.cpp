// What services ask of the sessions of one worker.
#include "net/frame.hpp"
#include "session/client_list.hpp"
#include "session/session_table.hpp"

namespace cm::session {
namespace {

using routing::Envelope;
using routing::Kind;
using routing::KindRef;
using routing::ServiceRef;

// What an envelope costs beyond its bytes.
constexpr std::size_t kCost = 256;

std::string_view text_of(std::span<const std::byte> body) {
  return {reinterpret_cast<const char*>(body.data()), body.size()};
}

}  // namespace

// Returns what it cost: bytes appended to outboxes, and kCost for each session that was touched.
std::size_t SessionTable::handle(const Envelope& envelope) {
  switch (envelope.kind) {
    case Kind::broadcast:
      return broadcast(envelope);
    case Kind::to_clients:
    case Kind::close_clients:
      return handle_list(envelope);
    case Kind::close_all: {
      Shard* shard = find(envelope.to);
      if (shard == nullptr) return kCost;
      const std::size_t count = shard->sessions.size();
      while (!shard->sessions.empty()) {
        shard->sessions.back()->close(close_reason(envelope.status), text_of(envelope.body));
      }
      return kCost * (1 + count);
    }
    default:
      break;
  }

  Session* session = find(envelope.to, envelope.client.session);
  if (envelope.kind == Kind::bind) {
    bind(session, envelope);
    return kCost + envelope.body.size();
  }
  if (session == nullptr) return kCost;
  switch (envelope.kind) {
    case Kind::to_client:
      session->send(envelope.msg_id, envelope.status, envelope.body);
      break;
    case Kind::close_client:
      session->close(close_reason(envelope.status), text_of(envelope.body));
      break;
    case Kind::unbind:
      unbind(*session, envelope);
      break;
    case Kind::admit:
    case Kind::release:
    case Kind::protocol:
      if (envelope.from != envelope.to) {
        counters_.bad_command.add();
      } else if (envelope.kind == Kind::protocol) {
        session->set_protocol(static_cast<std::uint8_t>(envelope.status));
      } else if (envelope.kind == Kind::admit) {
        session->admit();
      } else {
        session->release();
      }
      break;
    default:
      counters_.bad_command.add();
      break;
  }
  return kCost + envelope.body.size();
}

std::size_t SessionTable::handle_list(const Envelope& envelope) {
  const auto list = ClientList::parse(envelope.body);
  if (!list || (envelope.kind == Kind::to_clients && list->rest().size() > net::kMaxFrameBody)) {
    counters_.bad_command.add();
    return kCost;
  }
  std::size_t cost = kCost;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::uint64_t number = (*list)[i];
    if (SessionNumber::worker(number) != worker_.index()) continue;
    Session* session = find(envelope.to, number);
    if (session == nullptr) continue;
    if (envelope.kind == Kind::to_clients) {
      session->send(envelope.msg_id, envelope.status, list->rest());
      cost += kCost + list->rest().size();
    } else {
      session->close(close_reason(envelope.status), text_of(list->rest()));
      cost += kCost;
    }
  }
  return cost;
}

std::size_t SessionTable::broadcast(const Envelope& envelope) {
  const Shard* shard = find(envelope.to);
  if (shard == nullptr) return kCost;
  const std::size_t cost = kCost + shard->admitted * (kCost + envelope.body.size());
  // Backwards: who is closed for not reading makes room for one from behind, which has got it.
  for (std::size_t i = shard->admitted; i-- > 0;) {
    shard->sessions[i]->send(envelope.msg_id, envelope.status, envelope.body);
  }
  return cost;
}

// A backend may bind clients to itself, their agent to any service that is up. Null: the client is gone, and the
// service may have been told of it by what is bound only now: it hears so at once.
void SessionTable::bind(Session* session, const Envelope& envelope) {
  const ServiceRef service = names().find(text_of(envelope.body));
  const bool allowed = envelope.from == service || envelope.from == envelope.to;
  const auto services = registry_.snapshot();
  const auto* entry = services->find(service);
  if (!allowed || entry == nullptr || service == envelope.to) {
    counters_.bad_command.add();
    return;
  }
  if (session != nullptr) return session->bind(entry->kind, service);
  tell({.kind = Kind::client_closed,
        .status = CM_CLOSE_BY_CLIENT,
        .to = service,
        .client = envelope.client,
        .body = {}});
}

// A backend may end a binding to itself, their agent any.
void SessionTable::unbind(Session& session, const Envelope& envelope) {
  const std::string_view kind = text_of(envelope.body);
  KindRef found = KindRef::none;
  session.peers().for_each([&](const Peers::Peer& peer) {
    if (!peer.bound || names().kind_name(peer.kind) != kind) return;
    if (envelope.from == envelope.to || envelope.from == peer.service) found = peer.kind;
  });
  if (found == KindRef::none) {
    counters_.bad_command.add();
  } else {
    session.unbind(found);
  }
}

}  // namespace cm::session
