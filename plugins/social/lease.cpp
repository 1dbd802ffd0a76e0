// The lease: a row of the data service that names the leader. Its version grows with each renewal. Who wants to lead
// writes it over, once nobody did for as long as a lease lasts, and the row's version lets one of several do so. A
// leader that cannot renew it in time acknowledges nothing, unless all other social services follow it.
#include <algorithm>
#include <string>

#include "social.hpp"
#include "stored.hpp"

using namespace std::chrono_literals;
using cellmesh::Status;
using proto::SocialState;

namespace {

constexpr auto lease_timeout = 1s;

proto::DataKey lease_key() { return social::key_of("social", "leader"); }

}  // namespace

void Social::run_for_leader() {
  if (state_.role() != SocialState::Following || lease_busy_) return;
  read_lease();
  if (!lease_busy_) run_without_lease();
}

// The data service is away: the agents alone decide. They refuse while they hear the leader.
void Social::run_without_lease() {
  state_.set_data_away(true);
  if (!handed_over_ && since(state_.heard_ms()) < takeover_time()) return;
  if (state_.agent_lost_ms() != 0) return;  // it may be this host that was cut off
  state_.set_epoch(state_.seen_epoch() + 1);
  state_.set_lease_held(false);
  ask_agents(handed_over_);
}

void Social::ask_agents(bool sure) {
  handed_over_ = false;
  state_.set_role(SocialState::Asking);
  std::vector<ServiceId> agents;
  agents_.for_each([&](ServiceId agent, const proto::SocialAgent& /*row*/) { agents.push_back(agent); });
  for (const ServiceId agent : agents) ask_agent(agent, sure);
  lead_if_all_answered();
}

// While there may be another one to mistake this one for dead. One that is alone writes nothing.
void Social::renew_lease() {
  if (lease_busy_ || peers_.empty() || (state_.lease_held() && since(state_.lease_ms()) < takeover_time() / 4)) return;
  if (state_.lease_held()) return write_lease(state_.epoch());
  read_lease();
}

void Social::read_lease() {
  proto::LoadDataREQ req;
  *req.add_keys() = lease_key();
  const auto data = directory().pick("data");
  lease_busy_ = data && call<&Social::on_lease_read>({{}, lease_timeout}, data, req) == Status::ok;
  if (!lease_busy_) state_.set_data_away(true);
}

void Social::on_lease_read(const proto::LoadDataACK& ack, Status status) {
  lease_busy_ = false;
  proto::SocialLease lease;
  const bool read = status == Status::ok && ack.result() == proto::DataOk && ack.rows_size() == 1 &&
                    lease.ParseFromString(ack.rows(0).value());
  state_.set_data_away(!read);
  if (!read) {
    if (state_.role() == SocialState::Following) run_without_lease();
    return;
  }
  const std::uint64_t version = ack.rows(0).version();
  state_.set_seen_epoch(std::max(state_.seen_epoch(), lease.epoch()));
  if (leads()) {
    const bool others = lease.epoch() == state_.epoch() && !lease.leader().empty() && lease.leader() != id();
    if (lease.epoch() > state_.epoch() || others) return refused_by("the lease", lease.epoch());
    state_.set_lease_version(version);
    return write_lease(state_.epoch());
  }
  if (state_.role() != SocialState::Following) return;
  const bool free = version == 0 || handed_over_ || lease.leader().empty() || lease.leader() == id();
  if (version != state_.lease_version()) state_.set_lease_ms(now().count());
  state_.set_lease_version(version);
  // One that leads alone renews nothing until it meets this one, which takes a moment when this one just started.
  const auto wait = state_.leader() == 0 ? 2 * takeover_time() : takeover_time();
  if (free || since(state_.lease_ms()) >= wait) write_lease(state_.seen_epoch() + 1);
}

void Social::write_lease(std::uint64_t epoch) {
  proto::SocialLease lease;
  lease.set_epoch(epoch);
  lease.set_leader(std::string(id()));
  proto::SaveDataREQ req;
  auto& write = *req.add_writes();
  *write.mutable_key() = lease_key();
  write.set_version(state_.lease_version());
  write.set_value(lease.SerializeAsString());
  const auto data = directory().pick("data");
  lease_busy_ =
      data && call<&Social::on_lease_written>({{}, lease_timeout}, data, req, epoch, now().count()) == Status::ok;
  if (!lease_busy_) state_.set_data_away(true);
}

// The lease lasts from when it was asked for.
void Social::on_lease_written(const proto::SaveDataACK& ack, Status status, std::uint64_t epoch,
                              std::int64_t asked_at_ms) {
  lease_busy_ = false;
  const bool answered = status == Status::ok && ack.result() != proto::DataAway;
  state_.set_data_away(!answered);
  if (!answered || ack.versions_size() != 1) {  // another one wrote, or it is not known how it ended: it is read again
    state_.set_lease_held(false);
    return;
  }
  if (leads() ? epoch != state_.epoch() : state_.role() != SocialState::Following || epoch <= state_.seen_epoch())
    return;
  state_.set_lease_version(ack.versions(0));
  state_.set_lease_ms(asked_at_ms);
  state_.set_lease_held(true);
  if (leads()) return settle();
  state_.set_epoch(epoch);
  ask_agents(true);
}

// Nobody waits for an answer.
void Social::free_lease() {
  if (!state_.lease_held()) return;
  proto::SocialLease lease;
  lease.set_epoch(state_.epoch());
  proto::SaveDataREQ req;
  auto& write = *req.add_writes();
  *write.mutable_key() = lease_key();
  write.set_version(state_.lease_version());
  write.set_value(lease.SerializeAsString());
  if (const auto data = directory().pick("data")) send(data, req);
}
