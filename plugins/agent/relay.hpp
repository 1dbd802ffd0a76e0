#pragma once

#include <algorithm>
#include <cellmesh/plugin.hpp>
#include <chrono>
#include <cstdint>
#include <vector>

#include "agent.pb.h"
#include "social.pb.h"

namespace agent {

using Entries = cellmesh::Table<cellmesh::Client, proto::AgentEntry>;

// The client joins or leaves a channel. Returns false if nothing changes.
inline bool change(proto::AgentEntry& entry, const proto::MembershipREQ& req) {
  auto& channels = *entry.mutable_channels();
  const auto found = std::find(channels.begin(), channels.end(), req.channel());
  if (req.leaves() == (found == channels.end())) return false;
  if (req.leaves()) {
    channels.erase(found);
  } else {
    *channels.Add() = req.channel();
  }
  return true;
}

// Hands lines of chat to the clients here, each line once, and from one social service at a time: the one that leads in
// the latest epoch that this agent heard of. A member of the agent `Service`.
template <typename Service>
class Relay {
 public:
  Relay(Service& service, const Entries& entries) : service_(service), entries_(entries) {}

  void save(proto::AgentState& state) const {
    state.set_leader(leader_.handle());
    state.set_epoch(epoch_);
    state.set_last_line(last_line_);
    state.set_leader_heard_ms(heard_.count());
  }
  void load(const proto::AgentState& state) {
    leader_ = cellmesh::ServiceId(state.leader());
    epoch_ = state.epoch();
    last_line_ = state.last_line();
    heard_ = std::chrono::milliseconds(state.leader_heard_ms());
  }

  // Answers whether `from` may lead. Returns true if it does so from now on.
  bool follow(const proto::LeadREQ& req, cellmesh::ServiceId from, proto::LeadACK& ack) {
    const bool leads = from == leader_ && req.epoch() == epoch_;
    const bool heard = leader_ && from != leader_ && service_.now() - heard_ < kHeard;
    const bool may = leads || (req.epoch() > epoch_ && (req.sure() || !heard));
    if (may) {
      leader_ = from;
      epoch_ = req.epoch();
      heard_ = service_.now();
    }
    ack.set_refused(!may);
    ack.set_epoch(epoch_);
    ack.set_last_line(last_line_);
    return may && !leads;
  }

  // Returns false if `from` does not lead in this epoch.
  bool leads(cellmesh::ServiceId from, std::uint64_t epoch) {
    if (from != leader_ || epoch != epoch_) return false;
    heard_ = service_.now();
    return true;
  }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

  // The leader is gone: the next one need not wait.
  void down(cellmesh::ServiceId service) {
    if (service == leader_) heard_ = {};
  }

  proto::DeliverACK deliver(const proto::DeliverREQ& req, cellmesh::ServiceId from) {
    proto::DeliverACK ack;
    ack.set_refused(!leads(from, req.epoch()));
    if (!ack.refused()) {
      for (const auto& line : req.lines()) {
        if (!hand_over(line, ack)) break;
      }
    }
    ack.set_epoch(epoch_);
    ack.set_last_line(last_line_);
    return ack;
  }

 private:
  // A leader that lives is heard more often.
  static constexpr std::chrono::milliseconds kHeard{1000};

  // Returns false if it does not fit now.
  bool hand_over(const proto::DeliverREQ::Line& line, proto::DeliverACK& ack) {
    if (line.said().id() <= last_line_) return true;
    auto status = cellmesh::Status::ok;
    if (line.all()) {
      status = service_.clients().broadcast(service_.self(), line.said());
    } else {
      to_.clear();
      for (const auto session : line.sessions()) {
        const cellmesh::Client client(service_.self(), static_cast<std::uint64_t>(session));
        if (entries_.contains(client)) to_.push_back(client);
      }
      if (!to_.empty()) status = service_.clients().send(to_, line.said());
      if (line.sessions_size() == 1 && to_.empty()) ack.add_missed(line.said().id());
    }
    if (status == cellmesh::Status::backpressure) return false;
    last_line_ = line.said().id();
    return true;
  }

  Service& service_;
  const Entries& entries_;
  cellmesh::ServiceId leader_;
  std::uint64_t epoch_ = 0;
  std::uint64_t last_line_ = 0;
  std::chrono::milliseconds heard_{0};  // when the leader was heard last
  std::vector<cellmesh::Client> to_;    // kept for its memory
};

}  // namespace agent
