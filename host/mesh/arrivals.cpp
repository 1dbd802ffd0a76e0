#include "mesh/arrivals.hpp"

#include <algorithm>
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

void Arrivals::bound(routing::ClientId client, ServiceRef service) {
  if (pairs_ < max_clients_) change(agent_of(client), [&](Agent& agent) { agent.spoke.add(client, service); });
}

void Arrivals::remember(const Envelope& e) {
  if (e.kind == Kind::client_message) return bound(e.client, e.to);
  if (pairs_ >= max_clients_) return;
  change(agent_of(e.client), [&](Agent& agent) {
    agent.called.add(e.client, e.to);
    if (agent.called.size() < kCalledMost) return;
    agent.called_before = std::move(agent.called);
    agent.called = ClientsSeen();
  });
}

void Arrivals::forget(routing::ClientId client, ServiceRef service) {
  const auto it = agents_.find(client.agent);
  if (it == agents_.end()) return;
  change(it->second, [&](Agent& agent) {
    agent.spoke.erase(client, service);
    agent.called.erase(client, service);
    agent.called_before.erase(client, service);
  });
}

Arrivals::Agent& Arrivals::agent_of(routing::ClientId client) { return agents_[client.agent]; }

template <class Fn>
void Arrivals::change(Agent& agent, Fn&& fn) {
  pairs_ -= agent.pairs();
  fn(agent);
  pairs_ += agent.pairs();
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
  auto gone_one = agents_.extract(agent);
  if (!gone_one.empty()) gone(gone_one.mapped());
}

void Arrivals::all_agents_gone() {
  auto all = std::exchange(agents_, {});
  for (auto& [ref, agent] : all) gone(agent);
}

void Arrivals::gone(Agent& agent) {
  pairs_ -= agent.pairs();
  const auto all = [](const ClientsSeen::Pair&) { return true; };
  for (ClientsSeen* set : {&agent.spoke, &agent.called, &agent.called_before}) {
    for (const auto& pair : set->take_if(all)) {
      // It may be in more than one.
      agent.called.erase(pair.client, pair.service);
      agent.called_before.erase(pair.client, pair.service);
      Envelope closed;
      closed.kind = Kind::client_closed;
      closed.status = CM_CLOSE_GATEWAY_LOST;
      closed.to = pair.service;
      closed.from = pair.client.agent;
      closed.client = pair.client;
      place(closed);
    }
  }
}

void Arrivals::services_gone(std::span<const ServiceRef> services) {
  const auto of_them = [&](const ClientsSeen::Pair& pair) {
    return std::binary_search(services.begin(), services.end(), pair.service);
  };
  for (auto& [ref, agent] : agents_) {
    change(agent, [&](Agent& its) {
      for (ClientsSeen* set : {&its.spoke, &its.called, &its.called_before}) set->take_if(of_them);
    });
  }
}

void Arrivals::repeat_flow() {
  for (const auto& [target, store] : parked_) hooks_.on_flow(target.service, target.side, false);
}

}  // namespace cm::mesh
