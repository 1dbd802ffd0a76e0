// SPDX-License-Identifier: MIT
//
// What a MemoryHost wrote down, for the test to read.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "host_side.hpp"

namespace cellmesh::test {
namespace {

constexpr std::array<std::string_view, 36> did_words{"send",
                                                     "call",
                                                     "reply",
                                                     "reply_status",
                                                     "clients.send",
                                                     "clients.send_list",
                                                     "clients.broadcast",
                                                     "clients.close",
                                                     "clients.close_list",
                                                     "clients.close_all",
                                                     "clients.bind",
                                                     "clients.unbind",
                                                     "gateway.open",
                                                     "gateway.update",
                                                     "gateway.intercept",
                                                     "gateway.release",
                                                     "gateway.admit",
                                                     "gateway.bind",
                                                     "gateway.unbind",
                                                     "timer.start",
                                                     "timer.cancel",
                                                     "channel.publish",
                                                     "channel.subscribe",
                                                     "channel.unsubscribe",
                                                     "offload",
                                                     "directory.set_load",
                                                     "directory.set_load_of",
                                                     "listeners.add",
                                                     "listeners.update",
                                                     "kv.publish",
                                                     "kv.remove",
                                                     "kv.watch",
                                                     "kv.unwatch",
                                                     "gateway.default_protocol",
                                                     "gateway.set_protocol",
                                                     "health.set"};
static_assert(did_words.size() == static_cast<std::size_t>(Did::set_health) + 1);

constexpr std::array<std::string_view, 13> status_words{
    "ok",           "backpressure", "unavailable", "timeout",   "invalid", "too large", "not found",
    "wrong thread", "fault",        "bad message", "unhandled", "refused", "stopping"};

std::string word(cm_status status) {
  const auto i = static_cast<std::size_t>(status);
  return status >= 0 && i < status_words.size() ? std::string(status_words[i]) : "status " + std::to_string(status);
}

}  // namespace

std::string_view to_string(Did did) { return did_words[static_cast<std::size_t>(did)]; }

std::string MemoryHost::describe(const Act& act) const {
  std::string text(to_string(act.did));
  for (const cm_client& client : act.clients) text += " " + std::to_string(client.session);
  if (act.to != 0) text += " @" + name(act.to);
  for (const std::string* part : {&act.channel, &act.handler}) {
    if (!part->empty()) text += " " + *part;
  }
  if (act.did == Did::gateway_unbind || act.did >= Did::kv_publish) text += " " + act.text;
  if (act.did == Did::reply_status) text += ": " + word(act.status);
  if (act.did == Did::set_load || act.did == Did::set_load_of) text += " " + std::to_string(act.number);
  if (act.result != CM_OK) text += " -> " + word(act.result);
  return text;
}

std::string MemoryHost::name(cm_service service) const {
  const detail::KnownService* known = side_->find(service);
  return known != nullptr ? known->id : std::string();
}

const std::vector<Act>& MemoryHost::acts() const { return side_->acts; }

std::vector<Act> MemoryHost::take() { return std::exchange(side_->acts, {}); }

std::vector<Act> MemoryHost::take(Did did) {
  return take_if([did](const Act& act) { return act.did == did; });
}

std::vector<Act> MemoryHost::take_if(const std::function<bool(const Act&)>& wanted) {
  auto& acts = side_->acts;
  const auto rest = std::stable_partition(acts.begin(), acts.end(), [&](const Act& act) { return !wanted(act); });
  std::vector<Act> taken(std::make_move_iterator(rest), std::make_move_iterator(acts.end()));
  acts.erase(rest, acts.end());
  return taken;
}

std::vector<Subscription> MemoryHost::subscriptions() const {
  std::vector<Subscription> all;
  for (const auto& [channel, subscription] : side_->subscriptions) all.push_back(subscription);
  return all;
}

std::vector<WaitingJob> MemoryHost::jobs() const { return {side_->jobs.begin(), side_->jobs.end()}; }

const std::vector<Fault>& MemoryHost::faults() const { return side_->faults; }
std::vector<Fault> MemoryHost::take_faults() { return std::exchange(side_->faults, {}); }
const std::vector<std::string>& MemoryHost::misuses() const { return side_->misuses; }
const std::vector<std::string>& MemoryHost::unhandled() const { return side_->unhandled; }
std::vector<std::string> MemoryHost::take_unhandled() { return std::exchange(side_->unhandled, {}); }

std::vector<Line> MemoryHost::lines() const {
  const std::lock_guard lock(side_->mutex);
  return side_->lines;
}

std::vector<std::string> MemoryHost::audits() const {
  const std::lock_guard lock(side_->mutex);
  return side_->audits;
}

void MemoryHost::log_level(cm_log_level level) { side_->log_level = level; }

std::int64_t MemoryHost::metric(const std::string& name) const {
  const std::lock_guard lock(side_->mutex);
  for (const auto& [known, value] : side_->metrics) {
    if (known == name) return value;
  }
  return 0;
}

const std::string& MemoryHost::unhealthy() const { return side_->find(side_->ref)->peer.unhealthy; }
const std::map<std::string, std::string>& MemoryHost::entries() const { return side_->entries; }
std::optional<std::uint64_t> MemoryHost::load() const { return side_->load; }
const std::optional<Frontend>& MemoryHost::frontend() const { return side_->frontend; }

bool MemoryHost::admitted(const cm_client& client) const {
  const auto found = side_->clients.find(client.session);
  return client.agent == side_->ref && found != side_->clients.end() && found->second;
}

}  // namespace cellmesh::test
