#include "discovery/consul_registrar.hpp"

#include <algorithm>
#include <vector>

#include "base/log.hpp"
#include "discovery/consul_codec.hpp"

namespace cm::discovery {
namespace {

using namespace std::chrono_literals;

// A change of load alone is told no more often than this.
constexpr auto kLoadInterval = 15s;
constexpr auto kPassedOn = 1s;  // from Consul's agent to its servers

base::Logger out() { return base::log(base::Room::discovery); }

// The health check alone tells whether it is healthy.
bool same_registration(const ServiceRecord& a, ServiceRecord b) {
  b.unhealthy = a.unhealthy;
  return a == b;
}

bool only_load_differs(const ServiceRecord& a, ServiceRecord b) {
  b.load = a.load;
  b.unhealthy = a.unhealthy;
  return a == b;
}

}  // namespace

ConsulRegistrar::Entry::Entry(Loop& loop) : backoff(200ms, 5s), next(loop) {}

void ConsulRegistrar::want(const ServiceRecord& record) {
  if (on_empty_) return;
  auto& entry = entries_[record.id];
  if (!entry) entry = std::make_unique<Entry>(context_.loop);
  entry->wanted = record;
  entry->dropped = false;
  step(record.id);
}

void ConsulRegistrar::drop(const std::string& id) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  it->second->dropped = true;
  step(id);
}

void ConsulRegistrar::on_contact(ConsulContact::Verdict verdict) {
  for (auto& [id, entry] : entries_) {
    if (verdict.lost) entry->there.reset();
    if (!verdict.lost && !verdict.after_outage) continue;
    entry->refresh_at = {};
    entry->not_before = {};
    entry->backoff.reset();
  }
  step_all();
}

void ConsulRegistrar::register_again() {
  for (auto& [id, entry] : entries_) {
    entry->by_other_token = true;
    entry->not_before = {};
    entry->backoff.reset();
  }
  step_all();
}

void ConsulRegistrar::shut_down(std::function<void()> done) {
  on_empty_ = std::move(done);
  // Consul may have what was sent and not answered, but nobody can tell it now.
  std::erase_if(entries_, [this](const auto& e) { return !e.second->sent || !context_.contact.up(); });
  if (entries_.empty()) return on_empty_();
  for (auto& [id, entry] : entries_) entry->dropped = true;
  step_all();
}

std::size_t ConsulRegistrar::registered() const {
  return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& e) {
    return e.second->there.has_value() && !e.second->dropped;
  }));
}

void ConsulRegistrar::step_all() {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  for (const std::string& id : ids) step(id);
}

void ConsulRegistrar::step(const std::string& id) {
  Entry& e = *entries_.at(id);
  if (e.busy) return;
  e.next.cancel();
  if (e.dropped && !e.sent) return erase(id);
  if (!context_.contact.up()) return;
  const auto now = Loop::Clock::now();
  if (now < e.not_before) return e.next.set(e.not_before, [this] { step_all(); });
  const std::string in_path = consul::escape(id);
  if (e.dropped) {
    return call(id, "/v1/agent/service/deregister/" + in_path, "", &ConsulRegistrar::on_deregistered);
  }
  const bool differs = !e.there || e.by_other_token || !same_registration(*e.there, e.wanted);
  const bool may_wait = e.there && !e.by_other_token && only_load_differs(*e.there, e.wanted);
  if (differs && (!may_wait || now >= e.registered_at + kLoadInterval)) {
    e.sent = true;
    e.sending = e.wanted;
    e.sending.unhealthy.clear();  // a registration has no room for the reason: a warning follows at once
    e.by_other_token = false;
    return call(id, "/v1/agent/service/register", consul::registration(e.wanted, context_.config),
                &ConsulRegistrar::on_registered);
  }
  // Those that are due soon go along, by the same connection.
  if (now >= e.refresh_at - context_.config.ttl / 10 || e.there->unhealthy != e.wanted.unhealthy) {
    e.sending = e.wanted;
    // Consul shows a new reason at once only when the status changes with it, else up to five minutes later
    // (check_update_interval).
    const bool other_reason = !e.there->unhealthy.empty() && e.there->unhealthy != e.wanted.unhealthy;
    if (other_reason) e.sending.unhealthy.clear();
    const std::string& reason = e.sending.unhealthy;
    const std::string path =
        reason.empty() ? "pass/service:" + in_path : "warn/service:" + in_path + "?note=" + consul::escape(reason);
    return call(id, "/v1/agent/check/" + path, "", &ConsulRegistrar::on_refreshed);
  }
  const auto when = differs ? std::min(e.refresh_at, e.registered_at + kLoadInterval) : e.refresh_at;
  e.next.set(when, [this] { step_all(); });
}

void ConsulRegistrar::call(const std::string& id, const std::string& path, std::string body, Then then) {
  entries_.at(id)->busy = true;
  context_.api.call({.method = "PUT", .path = path, .body = std::move(body)},
                    [this, id, then](const ConsulAnswer& answer) {
                      const auto it = entries_.find(id);
                      if (it == entries_.end()) return;
                      it->second->busy = false;
                      (this->*then)(*it->second, answer);
                    });
}

void ConsulRegistrar::on_registered(Entry& entry, const ConsulAnswer& answer) {
  if (!answer.ok()) {
    entry.there.reset();
    return failed(entry, answer);
  }
  const bool first = !entry.there;
  const bool again = entry.there && only_load_differs(*entry.there, entry.sending);
  entry.there = std::move(entry.sending);
  entry.registered_at = Loop::Clock::now();
  entry.refresh_at = entry.registered_at + context_.config.ttl / 3;
  entry.backoff.reset();
  entry.refused.clear();
  if (first) out().info("registered in Consul service={} link={}", entry.there->id, entry.there->link_address);
  if (!entry.dropped) {
    handlers_.on_registered(*entry.there, again);
    handlers_.on_refused(entry.there->id, "");
  }
  step(entry.there->id);
}

void ConsulRegistrar::on_refreshed(Entry& entry, const ConsulAnswer& answer) {
  if (answer.ok()) {
    // The agent must have passed the status on before it changes back: what lies between two of its looks is lost.
    if (entry.sending.unhealthy.empty() && !entry.wanted.unhealthy.empty()) {
      entry.not_before = Loop::Clock::now() + kPassedOn;
    }
    const bool changed =
        entry.there && std::exchange(entry.there->unhealthy, entry.sending.unhealthy) != entry.sending.unhealthy;
    if (changed && !entry.dropped) handlers_.on_registered(*entry.there, false);
    entry.refresh_at = Loop::Clock::now() + context_.config.ttl / 3;
    entry.backoff.reset();
    if (!std::exchange(entry.refused, "").empty() && !entry.dropped) handlers_.on_refused(entry.wanted.id, "");
  } else if (answer.status == 404 || answer.status == 500) {  // 500 in Consul before 1.10
    if (!entry.dropped) out().info("Consul does not know it any more, registering again service={}", entry.wanted.id);
    entry.there.reset();
  } else {
    return failed(entry, answer);
  }
  step(entry.wanted.id);
}

void ConsulRegistrar::on_deregistered(Entry& entry, const ConsulAnswer& answer) {
  if (answer.ok() || answer.absent() || on_empty_) {
    entry.sent = false;
    entry.there.reset();
    if (answer.ok()) out().info("deregistered from Consul service={}", entry.wanted.id);
    if (entry.dropped) {
      handlers_.on_deregistered(entry.wanted);
      handlers_.on_refused(entry.wanted.id, "");
    }
    return step(entry.wanted.id);
  }
  failed(entry, answer);
}

void ConsulRegistrar::failed(Entry& entry, const ConsulAnswer& answer) {
  if (on_empty_) return erase(entry.wanted.id);
  const std::string id = entry.wanted.id;
  entry.not_before = Loop::Clock::now() + entry.backoff.next();
  entry.next.set(entry.not_before, [this] { step_all(); });
  if (answer.in_doubt()) context_.contact.doubt(answer.error);
  const std::string error = answer.absent() ? "Consul's agent has no such endpoint" : answer.error;
  if (answer.status == 0 || error == entry.refused) return;
  entry.refused = error;
  out().warn("cannot keep service {} registered: {}; it is tried again", id, error);
  if (!entry.dropped) handlers_.on_refused(id, error);
}

void ConsulRegistrar::erase(const std::string& id) {
  entries_.erase(id);
  if (on_empty_ && entries_.empty()) on_empty_();
}

}  // namespace cm::discovery
