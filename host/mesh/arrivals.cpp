#include "mesh/arrivals.hpp"

#include <utility>

#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/types.h>

namespace cm::mesh {

using routing::Delivery;
using routing::Envelope;
using routing::Kind;
using routing::ServiceRef;

void Arrivals::take(const Envelope& e, bool from_agent) {
  if (from_agent) {
    if (e.kind == Kind::client_message || e.kind == Kind::call) {
      remember(e);
    } else if (e.kind == Kind::client_closed) {
      forget(e.client, e.to);
    }
  }
  place(e);
}

void Arrivals::remember(const Envelope& e) {
  if (e.kind == Kind::client_message) {
    spoke_.add(e.client, e.to);
    return;
  }
  called_.add(e.client, e.to);
  if (called_.size() < kCalledMost) return;
  called_before_ = std::move(called_);
  called_ = ClientsSeen();
}

void Arrivals::forget(routing::ClientId client, ServiceRef service) {
  spoke_.erase(client, service);
  called_.erase(client, service);
  called_before_.erase(client, service);
}

void Arrivals::place(const Envelope& e) {
  const Target target{e.to, side_of(e.kind)};
  auto waiting = parked_.empty() ? parked_.end() : parked_.find(target);
  if (waiting == parked_.end()) {
    const Delivery delivery = hand_over(e);
    if (delivery != Delivery::full) {
      if (delivery != Delivery::sent) on_gone(e);
      return;
    }
    waiting = parked_.try_emplace(target).first;
    hooks_.on_flow(target.service, target.side, false);
  }
  const std::size_t before = waiting->second.bytes();
  waiting->second.push(e);
  parked_bytes_ += waiting->second.bytes() - before;
}

Delivery Arrivals::hand_over(const Envelope& e) {
  const auto* entry = view_.get().find(e.to);
  if (entry == nullptr || !entry->host.empty()) return Delivery::gone;
  routing::Destination* to = side_of(e.kind) == Side::clients ? entry->clients.get() : entry->mailbox.get();
  return to == nullptr ? Delivery::gone : to->deliver(e);
}

void Arrivals::on_gone(const Envelope& e) {
  ++dropped_;
  if (e.client.agent != ServiceRef::none) forget(e.client, e.to);
  if (e.kind != Kind::call) return;
  Envelope answer;
  answer.kind = Kind::reply;
  answer.status = CM_UNAVAILABLE;
  answer.to = e.from;
  answer.from = e.to;
  answer.call = e.call;
  if (answer.to != ServiceRef::none) hooks_.on_answer(answer);
}

void Arrivals::retry() {
  for (auto it = parked_.begin(); it != parked_.end();) {
    EnvelopeStore& store = it->second;
    while (!store.empty()) {
      const Envelope envelope = store.front();
      const Delivery delivery = hand_over(envelope);
      if (delivery == Delivery::full) break;
      if (delivery != Delivery::sent) on_gone(envelope);
      const std::size_t before = store.bytes();
      store.pop();
      parked_bytes_ -= before - store.bytes();
    }
    if (!store.empty()) {
      ++it;
      continue;
    }
    const Target target = it->first;
    it = parked_.erase(it);
    hooks_.on_flow(target.service, target.side, true);
  }
}

void Arrivals::agent_gone(ServiceRef agent) {
  const auto of_agent = [&](const ClientsSeen::Pair& pair) {
    return agent == ServiceRef::none || pair.client.agent == agent;
  };
  const auto tell = [&](const ClientsSeen::Pair& pair) {
    Envelope closed;
    closed.kind = Kind::client_closed;
    closed.status = CM_CLOSE_GATEWAY_LOST;
    closed.to = pair.service;
    closed.from = pair.client.agent;
    closed.client = pair.client;
    place(closed);
  };
  for (ClientsSeen* set : {&spoke_, &called_, &called_before_}) {
    for (const auto& pair : set->take_if(of_agent)) {
      forget(pair.client, pair.service);  // it may be in more than one
      tell(pair);
    }
  }
}

void Arrivals::service_gone(ServiceRef service) {
  for (ClientsSeen* set : {&spoke_, &called_, &called_before_}) {
    set->take_if([&](const ClientsSeen::Pair& pair) { return pair.service == service; });
  }
}

void Arrivals::repeat_flow() {
  for (const auto& [target, store] : parked_) hooks_.on_flow(target.service, target.side, false);
}

}  // namespace cm::mesh
