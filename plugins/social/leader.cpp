// Which of several social services leads. The leader is heard by the others (FollowREQ) and holds a lease in the data
// service (lease.cpp); its agents follow it alone (LeadREQ). It leads until it ends: one that comes follows.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "../clock/since_1970.hpp"
#include "social.hpp"

using namespace std::chrono_literals;
using cellmesh::Client;
using cellmesh::Sender;
using cellmesh::ServiceId;
using cellmesh::Status;
using proto::SocialState;

namespace {

constexpr auto beat_period = 250ms;
constexpr auto lead_period = 500ms;   // until an agent that confirmed nothing else is asked again
constexpr auto lead_timeout = 500ms;  // one that hangs does not keep the others waiting
constexpr std::uint32_t tidy_beats = 40;
constexpr std::size_t most_handed_over = 2U << 20U;  // bytes of lines
constexpr auto gone_time = 30s;                      // of those who left while nobody led

}  // namespace

void Social::start_beat() {
  state_.set_heard_ms(now().count());
  state_.set_beat_timer(every<&Social::beat>(beat_period).handle());
  for (const char* kind : {"social", "agent"}) {
    for (const auto& info : directory().list(kind)) meet(info.service, kind);
  }
  beat();
}

void Social::meet(ServiceId service, const std::string& kind) {
  if (kind == "social" && service != self()) {
    auto& row = peers_[service];
    row.set_up(true);
    row.set_in_sync(false);
    row.set_busy(false);
  } else if (kind == "agent") {
    send(service, proto::AnnounceREQ());
    agents_[service];
    if (state_.role() != SocialState::Following) ask_agent(service, state_.lease_held());
    if (state_.role() == SocialState::Following && state_.leader() == 0) run_for_leader();
  }
}

void Social::part(ServiceId service) {
  if (auto* peer = peers_.edit(service)) {
    peer->set_up(false);
    peer->set_in_sync(false);
    pump();
    if (service.handle() == state_.leader()) {  // that it hands over may come yet
      state_.set_heard_ms((now() - takeover_time()).count());
      run_for_leader();
    }
  }
  if (agents_.erase(service)) {
    state_.set_agent_lost_ms(now().count());
    drop_all_of(service, std::nullopt);
    expect_nothing_of(service);
    lead_if_all_answered();
  }
}

void Social::beat() {
  if (++beats_ % tidy_beats == 0) {
    forget_requests();
    if (leads()) forget_gone(gone_time);
  }
  if (leads()) return keep_leading();
  if (state_.role() == SocialState::Asking) return lead_if_all_answered();
  if (state_.leader() == 0 || since(state_.heard_ms()) >= takeover_time() / 2) run_for_leader();
}

void Social::keep_leading() {
  std::vector<ServiceId> peers;
  peers_.for_each([&](ServiceId peer, const proto::SocialPeer& row) {
    if (row.up() && !row.busy()) peers.push_back(peer);
  });
  for (const ServiceId peer : peers) send_to_peer(peer);
  std::vector<ServiceId> agents;
  agents_.for_each([&](ServiceId agent, const proto::SocialAgent& row) {
    if (!row.asking() && (!row.granted() || since(row.heard_ms()) >= lead_period)) agents.push_back(agent);
  });
  for (const ServiceId agent : agents) ask_agent(agent, state_.lease_held());
  renew_lease();
  if (certain_since(state_.agent_lost_ms())) state_.set_agent_lost_ms(0);
  pump();
}

bool Social::peers_follow() const {
  bool all = true;
  peers_.for_each([&](ServiceId /*peer*/, const proto::SocialPeer& row) { all = all && row.in_sync(); });
  return all;
}

// At that time, or later, no other service led.
bool Social::certain_since(std::int64_t at_ms) const {
  if (state_.lease_held() && state_.lease_ms() > at_ms) return true;
  bool all = true;
  peers_.for_each(
      [&](ServiceId /*peer*/, const proto::SocialPeer& row) { all = all && row.in_sync() && row.asked_ms() > at_ms; });
  return all;
}

bool Social::may_acknowledge() const {
  if (peers_follow() || holds_lease()) return true;
  // Without the data service nobody else can lead as long as all agents are here: they follow one alone.
  return state_.data_away() && state_.agent_lost_ms() == 0;
}

void Social::ask_agent(ServiceId agent, bool sure) {
  proto::LeadREQ req;
  req.set_epoch(state_.epoch());
  req.set_sure(sure);
  const auto options = cellmesh::CallOptions{{}, lead_timeout};
  if (call<&Social::on_lead>(options, agent, req, agent, state_.epoch()) != Status::ok) return;
  agents_.edit(agent)->set_asking(true);
}

void Social::on_lead(const proto::LeadACK& ack, Status status, ServiceId agent, std::uint64_t epoch) {
  auto* row = agents_.edit(agent);
  if (row == nullptr || epoch != state_.epoch() || state_.role() == SocialState::Following) return;
  row->set_asking(false);
  if (status == Status::unhandled) {
    log().error("{} is of an earlier version: its clients hear nothing; reload its plugin", directory().name(agent));
    agents_.erase(agent);
    expect_nothing_of(agent);
  } else if (status == Status::ok && ack.refused()) {
    return refused_by(directory().name(agent), ack.epoch());
  } else if (status == Status::ok) {
    row->set_granted(true);
    row->set_heard_ms(now().count());
    seen_id(ack.last_line());
  }
  if (leads()) return pump();
  lead_if_all_answered();
}

// With the lease it leads whatever they answer: those that hang are asked again and again. Without, all must agree.
void Social::lead_if_all_answered() {
  if (state_.role() != SocialState::Asking) return;
  bool waits = false, agreed = !agents_.empty();
  agents_.for_each([&](ServiceId /*agent*/, const proto::SocialAgent& row) {
    waits |= row.asking();
    agreed = agreed && row.granted();
  });
  if (waits) return;
  if (agreed || state_.lease_held()) return lead();
  follow(state_.epoch(), {});
}

void Social::lead() {
  log().info("this social service leads from now on, epoch={} lease={} lines_to_complete={}", state_.epoch(),
             state_.lease_held(), order_.size());
  state_.set_role(SocialState::Leading);
  state_.set_seen_epoch(state_.epoch());
  state_.set_leader(self().handle());
  state_.set_agent_lost_ms(0);
  std::vector<ServiceId> peers;
  peers_.for_each([&](ServiceId peer, const proto::SocialPeer& /*row*/) { peers.push_back(peer); });
  for (const ServiceId peer : peers) {
    peers_.edit(peer)->set_in_sync(false);
    peers_.edit(peer)->set_busy(false);
  }
  std::vector<Client> clients;
  std::vector<std::string> news;  // perhaps not told by the one that led before
  const std::int64_t lately = since_1970::milliseconds() - 2 * takeover_time().count();
  online_.for_each([&](const std::string& uid, const Player& player) {
    records_[uid];
    clients.push_back(client_of(player));
    if (player.shown() && player.entered_at_ms() > lately) news.push_back(uid);
  });
  for (const auto& uid : news) online_.edit(uid)->set_shown(false);
  for (const Client client : clients) this->clients().bind(client);
  std::vector<std::pair<Client, bool>> waiting;
  waiting_.for_each([&](Client client, const proto::SocialWaiting& /*row*/) {
    waiting.emplace_back(client, clients_.contains(client));
  });
  report_load();
  save_channels_soon();
  keep_leading();
  try_late();
  for (const auto& [client, known] : waiting) {
    if (known || !ask_who_is(client)) handle_waiting(client);
  }
}

// Another one leads, or nobody that is known.
void Social::follow(std::uint64_t epoch, ServiceId leader) {
  // What the leader of before had on its way; the new one tells what it has.
  if (leads() || (leader && leader.handle() != state_.leader())) forget_unsettled();
  if (state_.role() == SocialState::Leading) {
    log().warn("this social service leads no longer, epoch={} leader={}", epoch, directory().name(leader));
    std::vector<std::string> waits;
    records_.for_each([&](const std::string& uid, const Record& row) {
      if (!row.tasks().empty()) waits.push_back(uid);
    });
    for (const auto& uid : waits) fail_all(uid, *records_.edit(uid));
    watchers_.clear();
    records_.clear();
    std::vector<std::string> channels;
    channels_.for_each([&](const std::string& name, const Channel& /*row*/) { channels.push_back(name); });
    for (const auto& name : channels) {
      auto& channel = *channels_.edit(name);
      channel.set_dirty(false);
      channel.set_busy(false);
      channel.set_loaded(false);
      channel.clear_joining();
      forget_channel_if_unused(name);
    }
  }
  if (state_.role() != SocialState::Following) {
    std::vector<ServiceId> agents;
    agents_.for_each([&](ServiceId agent, const proto::SocialAgent& /*row*/) { agents.push_back(agent); });
    for (const ServiceId agent : agents) {
      auto& row = *agents_.edit(agent);
      row.set_granted(false);
      row.set_asking(false);
      row.set_busy(false);
      row.set_sent(0);
    }
  }
  if (leader && leader.handle() != state_.leader()) log().info("{} leads, epoch={}", directory().name(leader), epoch);
  state_.set_role(SocialState::Following);
  state_.set_lease_held(false);
  state_.set_seen_epoch(std::max(state_.seen_epoch(), epoch));
  state_.set_leader(leader.handle());
  state_.set_heard_ms(now().count());
  report_load();
}

void Social::refused_by(const std::string& who, std::uint64_t epoch) {
  log().info("{} follows another social service, epoch={}", who, epoch);
  follow(epoch, {});
}

void Social::on(const proto::FollowREQ& req, Sender from) {
  if (const auto info = directory().get(from.id()); !info || info->kind != "social") return;
  proto::FollowACK ack;
  const bool led = state_.role() != SocialState::Following;
  const bool older = req.epoch() < std::max(state_.seen_epoch(), led ? state_.epoch() : 0);
  const bool tie = leads() && req.epoch() == state_.epoch() && id() < directory().name(from.id());
  if (older || tie) {
    ack.set_refused(true);
    ack.set_epoch(std::max(state_.seen_epoch(), state_.epoch()));
    from.reply(ack);
    return;
  }
  if (led || from.id().handle() != state_.leader()) {
    follow(req.epoch(), from.id());
    ack.set_begins(true);
  }
  state_.set_seen_epoch(req.epoch());
  state_.set_heard_ms(now().count());
  state_.set_agent_lost_ms(0);
  if (req.lease_version() != 0) {
    state_.set_lease_version(req.lease_version());
    state_.set_lease_ms((now() - std::chrono::milliseconds(req.lease_age_ms())).count());
  }
  forget_gone(takeover_time());
  forget_settled(req.settled());
  learn_requests(req);
  learn(req.lines());
  ack.set_epoch(req.epoch());
  from.reply(ack);
  std::vector<Client> waiting;
  waiting_.for_each([&](Client client, const proto::SocialWaiting& /*row*/) { waiting.push_back(client); });
  for (const Client client : waiting) forward(client);
}

void Social::on(const proto::HandOverREQ& req, Sender from) {
  peers_.erase(from.id());  // it ended, and leads nobody behind our back
  if (from.id().handle() != state_.leader() || req.epoch() < state_.seen_epoch()) return;
  log().info("{} ends and hands over, epoch={}", directory().name(from.id()), req.epoch());
  learn(req.lines());
  state_.set_leader(0);
  state_.set_lease_ms(0);
  handed_over_ = true;
  run_for_leader();
}

void Social::hand_over() {
  proto::HandOverREQ req;
  req.set_epoch(state_.epoch());
  std::size_t bytes = 0;
  for (auto it = order_.begin(); leads() && it != order_.end() && bytes < most_handed_over; ++it) {
    auto& line = *req.add_lines();
    line = *lines_.find(*it);
    line.clear_agent();
    bytes += line.ByteSizeLong();
  }
  if (leads()) free_lease();
  peers_.for_each([&](ServiceId peer, const proto::SocialPeer& row) {
    if (row.up()) send(peer, req);
  });
}

Status Social::on(const proto::ForwardREQ& req, Sender from) {
  const auto info = directory().get(from.id());
  if (!info || info->kind != "social") return Status::refused;
  const Client client(directory().find(req.agent()), static_cast<std::uint64_t>(req.session()));
  if (!client.agent()) return Status::ok;
  if (leads()) {
    clients().bind(client);
    parse(req.msg_id(), req.body(), [&](const auto& message) { receive(message, client); });
  } else {
    static_cast<void>(keep(client, req.msg_id(), req.body()));
  }
  return Status::ok;
}
