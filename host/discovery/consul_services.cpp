#include "discovery/consul_services.hpp"

#include <algorithm>
#include <tuple>

#include "base/log.hpp"
#include "discovery/consul_codec.hpp"

namespace cm::discovery {
namespace {

constexpr std::size_t kMaxKinds = 128;  // Consul takes 200 connections from one address
constexpr std::size_t kMaxWarned = 64;

base::Logger out() { return base::log(base::Room::discovery); }

}  // namespace

ConsulServices::ConsulServices(ConsulContext& context) : context_(context), hold_(context.loop) {}

void ConsulServices::watch(const std::vector<std::string>& kinds, std::shared_ptr<ServicesCallback> on_change) {
  on_change_ = std::move(on_change);
  told_once_ = false;
  std::set<std::string> wanted;
  for (const std::string& kind : kinds) {
    if (wanted.size() < kMaxKinds) {
      wanted.insert(kind);
    } else if (!wanted.contains(kind)) {
      out().error("more than {} kinds of service to watch; not watched: kind={}", kMaxKinds, base::log_value(kind));
    }
  }
  std::erase_if(kinds_, [&](const auto& kind) { return !wanted.contains(kind.first); });
  for (const std::string& name : wanted) {
    if (kinds_.contains(name)) continue;
    Kind& kind = kinds_[name];
    kind.query = make_query(name);
    kind.query->restart();
  }
  tell();
}

std::unique_ptr<BlockingQuery> ConsulServices::make_query(const std::string& name) {
  return std::make_unique<BlockingQuery>(
      // With those that do not pass: one that says that it is unhealthy is up, and its host stays linked.
      context_, "/v1/health/service/" + consul::escape(name) + "?tag=cellmesh",
      BlockingQuery::Handlers{[this, name](const ConsulAnswer& answer, bool) { return on_answer(name, answer); },
                              [this, name](const std::string& error) { on_refused(name, error); }});
}

void ConsulServices::on_contact(ConsulContact::Verdict verdict) {
  const bool hold = verdict.lost || verdict.after_outage;
  for (auto& [name, kind] : kinds_) {
    if (hold) {
      for (auto& [id, held] : kind.held) held.seen = false;
      for (const ServiceRecord& record : kind.live) kind.held.insert_or_assign(record.id, Held{record});
      kind.query->restart();
    } else {
      kind.query->resume();
    }
  }
  if (!hold) return;
  settled_ = false;
  hold_.set(context_.config.ttl, [this] { settle(); });
}

void ConsulServices::on_outage() {
  hold_.cancel();  // begins anew when Consul is back
  for (auto& [name, kind] : kinds_) kind.query->park();
}

base::Status ConsulServices::on_answer(const std::string& name, const ConsulAnswer& answer) {
  Kind& kind = kinds_.at(name);
  auto parsed = consul::parse_services(answer.absent() ? "[]" : answer.body, name, context_.config.mesh);
  if (!parsed) return parsed.error();
  for (const std::string& why : parsed->refused) {
    if (kind.warned.size() < kMaxWarned && kind.warned.insert(why).second)
      out().warn("left out of what Consul lists as {}: {}", base::log_value(name), why);
  }
  kind.known = true;
  kind.live = std::move(parsed->records);
  for (const ServiceRecord& record : kind.live) {
    const auto it = kind.held.find(record.id);
    if (it == kind.held.end()) continue;
    if (settled_) {
      kind.held.erase(it);
    } else {
      it->second = {record, true};
    }
  }
  tell();
  return {};
}

void ConsulServices::on_refused(const std::string& name, const std::string& error) {
  out().warn("cannot watch the services of kind {}: {}; it is tried again", base::log_value(name), error);
  kinds_.at(name).known = true;  // the other kinds do not wait for it
  tell();
}

void ConsulServices::settle() {
  settled_ = true;
  for (auto& [name, kind] : kinds_) std::erase_if(kind.held, [](const auto& held) { return held.second.seen; });
  hold_.set(2 * context_.config.ttl, [this] { let_go(); });
  tell();
}

void ConsulServices::let_go() {
  for (auto& [name, kind] : kinds_) {
    for (const auto& [id, held] : kind.held) out().info("gone from Consul service={}", id);
    kind.held.clear();
  }
  tell();
}

void ConsulServices::tell() {
  if (!on_change_) return;
  std::vector<ServiceRecord> all;
  for (const auto& [name, kind] : kinds_) {
    if (!kind.known) return;
    std::set<std::string_view> ids;
    for (const ServiceRecord& record : kind.live) ids.insert(record.id);
    all.insert(all.end(), kind.live.begin(), kind.live.end());
    for (const auto& [id, held] : kind.held) {
      if (!ids.contains(id)) all.push_back(held.record);
    }
  }
  std::sort(all.begin(), all.end(), [](const ServiceRecord& a, const ServiceRecord& b) {
    return std::tie(a.kind, a.id, a.host, a.boot) < std::tie(b.kind, b.id, b.host, b.boot);
  });
  if (told_once_ && all == told_) return;
  told_once_ = true;
  told_ = std::move(all);
  on_change_->call(told_);
}

}  // namespace cm::discovery
