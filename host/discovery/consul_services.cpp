#include "discovery/consul_services.hpp"

#include <algorithm>
#include <iterator>
#include <random>
#include <tuple>

#include "base/log.hpp"
#include "discovery/consul_codec.hpp"

namespace cm::discovery {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxKinds = 128;
constexpr std::size_t kMaxWarned = 64;
constexpr auto kMissingFor = 3s;   // before an own service counts as not listed
constexpr auto kTogether = 500ms;  // what is read this soon is not read before
constexpr auto kSync = 100ms;      // for the agent to tell the catalog

base::Logger out() { return base::log(base::Room::discovery); }

// Between two bounds, so that hosts that heard the same do not ask at once.
std::chrono::milliseconds any_of(std::chrono::milliseconds least, std::chrono::milliseconds most) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::chrono::milliseconds::rep>(least.count(), most.count())(random));
}

// All but the load, which changes often and is no reason to look, and the words of what is wrong with it.
bool same_place(ServiceRecord a, const ServiceRecord& b) {
  a.load = b.load;
  if (a.unhealthy.empty() == b.unhealthy.empty()) a.unhealthy = b.unhealthy;
  return a == b;
}

}  // namespace

ConsulServices::Kind::Kind(Loop& loop)
    : backoff(200ms, 5s), own_backoff(200ms, 5s), pace(500ms, 4), next(loop), write(loop) {}

ConsulServices::ConsulServices(ConsulContext& context, std::function<void(std::set<std::string>)> on_unseen)
    : context_(context), on_unseen_(std::move(on_unseen)), hold_(context.loop), sweep_(context.loop) {}

ConsulServices::Kind& ConsulServices::kind(const std::string& name) {
  auto& kind = kinds_[name];
  if (!kind) kind = std::make_unique<Kind>(context_.loop);
  return *kind;
}

void ConsulServices::set_role(const AccessRole& role) {
  only_provided_.clear();
  if (role.gateway) return;
  std::set_difference(role.provides.begin(), role.provides.end(), role.needs.begin(), role.needs.end(),
                      std::inserter(only_provided_, only_provided_.end()));
}

bool ConsulServices::only_own(const std::string& name) const {
  return only_provided_.contains(name) &&
         std::any_of(own_.begin(), own_.end(), [&](const auto& own) { return own.second.record.kind == name; });
}

// A note begins with the service's id and its host's name.
bool ConsulServices::concerns_own(std::string_view note) const {
  const std::string_view id = note.substr(0, note.find(' '));
  note.remove_prefix(std::min(note.size(), id.size() + 1));
  const std::string_view host = note.substr(0, note.find(' '));
  return std::any_of(own_.begin(), own_.end(),
                     [&](const auto& own) { return own.first == id || own.second.record.host == host; });
}

void ConsulServices::watch(const std::vector<std::string>& kinds, std::shared_ptr<ServicesCallback> on_change) {
  on_change_ = std::move(on_change);
  told_once_ = false;
  std::set<std::string> wanted;
  for (const std::string& name : kinds) {
    if (wanted.size() < kMaxKinds) {
      wanted.insert(name);
    } else if (!wanted.contains(name)) {
      out().error("more than {} kinds of service to watch; not watched: kind={}", kMaxKinds, base::log_value(name));
    }
  }
  for (auto& [name, kind] : kinds_) {
    if (wanted.contains(name)) continue;
    kind->watched = false;
    kind->known = false;
    kind->live.clear();
    kind->held.clear();
  }
  for (const std::string& name : wanted) {
    if (std::exchange(kind(name).watched, true)) continue;
    read_soon(name, 0ms);
  }
  tell();
}

void ConsulServices::on_contact(ConsulContact::Verdict verdict) {
  const bool hold = verdict.lost || verdict.after_outage;
  for (auto& [name, kind] : kinds_) {
    if (hold) {
      for (auto& [id, held] : kind->held) held.seen = false;
      for (const ServiceRecord& record : kind->live) kind->held.insert_or_assign(record.id, Held{record});
    }
    if (hold || kind->failed || kind->again) read_soon(name, verdict.after_outage ? any_of(0ms, 500ms) : 0ms);
  }
  sweep();
  if (!hold) return;
  settled_ = false;
  hold_.set(context_.config.ttl, [this] { settle(); });
}

void ConsulServices::on_outage() {
  hold_.cancel();  // begins anew when Consul is back
  sweep_.cancel();
  for (auto& [name, kind] : kinds_) {
    kind->next.cancel();
    kind->backoff.reset();
  }
}

void ConsulServices::reread() {
  for (auto& [name, kind] : kinds_) read_soon(name, 0ms);
}

void ConsulServices::sweep() {
  const auto ttl = context_.config.ttl;
  sweep_.set(any_of(2 * ttl, 3 * ttl), [this] {
    for (auto& [name, kind] : kinds_) {
      if (kind->watched ||
          std::any_of(own_.begin(), own_.end(), [&](const auto& own) { return own.second.record.kind == name; }))
        read(name);
    }
    sweep();
  });
}

void ConsulServices::read_soon(const std::string& name, std::chrono::milliseconds after) {
  Kind& k = kind(name);
  if (k.busy) {
    k.again = true;
    return;
  }
  if (!context_.contact.up()) return;
  const auto when = Loop::Clock::now() + after;
  if (k.next.is_set() && k.next.due() <= when + kTogether) return;
  k.next.set(k.pace.next(when), [this, name] { read(name); });
}

void ConsulServices::read(const std::string& name) {
  Kind& k = kind(name);
  if (k.busy || !context_.contact.up()) return;
  k.next.cancel();
  k.busy = true;
  k.again = false;
  // With those that do not pass: one that says that it is unhealthy is up, and its host stays linked.
  std::string path = "/v1/health/service/" + consul::escape(name) + "?tag=cellmesh";
  if (only_own(name)) {
    std::string filter;
    for (const auto& [id, own] : own_) {
      if (own.record.kind != name) continue;
      if (filter.empty()) filter = "Service.Meta.host == \"" + own.record.host + '"';
      filter += " or Service.ID == \"" + id + '"';
    }
    path += "&filter=" + consul::escape(filter);
  }
  context_.api.call({.path = path}, [this, name](const ConsulAnswer& answer) { on_answer(name, answer); });
}

void ConsulServices::on_answer(const std::string& name, const ConsulAnswer& answer) {
  Kind& k = kind(name);
  k.busy = false;
  // What it says may come from a Consul that has lost its data. The verdict comes first, and has it read again.
  if (context_.contact.doubted() || !context_.contact.up()) {
    k.failed = true;
    return;
  }
  if (answer.in_doubt() && (answer.status == 0 || !k.failed)) {
    k.failed = true;
    context_.contact.doubt(answer.error);
    return;
  }
  base::Status taken = answer.ok() || answer.absent() ? take(name, k, answer) : base::error(answer.error);
  if (taken) {
    k.failed = false;
    k.backoff.reset();
    k.refused.clear();
    if (k.again) read_soon(name, 0ms);
    return;
  }
  k.next.set(k.backoff.next(), [this, name] { read(name); });
  if (taken.error().text == k.refused) return;
  k.refused = taken.error().text;
  out().warn("cannot watch the services of kind {}: {}; it is tried again", base::log_value(name), k.refused);
  k.known = true;  // the other kinds do not wait for it
  tell();
}

base::Status ConsulServices::take(const std::string& name, Kind& kind, const ConsulAnswer& answer) {
  auto parsed = consul::parse_services(answer.absent() ? "[]" : answer.body, name, context_.config.mesh);
  if (!parsed) return parsed.error();
  for (const std::string& why : parsed->refused) {
    if (kind.warned.size() < kMaxWarned && kind.warned.insert(why).second)
      out().warn("left out of what Consul lists as {}: {}", base::log_value(name), why);
  }
  check_own(name, parsed->records);
  if (!kind.watched) return {};
  kind.known = true;
  kind.live = std::move(parsed->records);
  for (const ServiceRecord& record : kind.live) {
    const auto it = kind.held.find(record.id);
    if (it != kind.held.end()) it->second = {record, true};
  }
  if (settled_) std::erase_if(kind.held, [](const auto& held) { return held.second.seen; });
  tell();
  return {};
}

void ConsulServices::on_registered(const ServiceRecord& record, bool again) {
  Own& own = own_[record.id];
  own.record = record;
  if (!again) own.announced = false;
  if (again && own.seen) return;
  own.seen = false;
  own.missing_since = Loop::Clock::now();
  read_soon(record.kind, kSync / 2);
}

void ConsulServices::on_deregistered(const ServiceRecord& record) {
  if (own_.erase(record.id) == 0) return;
  tell_unseen();
  announce(record, kSync);
  read_soon(record.kind, kSync);
}

void ConsulServices::check_own(const std::string& name, const std::vector<ServiceRecord>& listed) {
  const auto now = Loop::Clock::now();
  bool wait = false;
  for (auto& [id, own] : own_) {
    if (own.record.kind != name) continue;
    const bool seen =
        std::any_of(listed.begin(), listed.end(), [&](const auto& r) { return same_place(r, own.record); });
    if (seen && !std::exchange(own.announced, true)) announce(own.record, 0ms);
    if (!seen && own.seen) own.missing_since = now;
    own.seen = seen;
    wait = wait || !seen;
  }
  tell_unseen();
  // The agent brings the catalog up to date on its own.
  Kind& k = kind(name);
  if (!wait) {
    k.own_backoff.reset();
  } else if (!k.next.is_set()) {
    k.next.set(k.own_backoff.next(), [this, name] { read(name); });
  }
}

void ConsulServices::tell_unseen() {
  std::set<std::string> unseen;
  const auto now = Loop::Clock::now();
  for (const auto& [id, own] : own_) {
    if (!own.seen && now - own.missing_since > kMissingFor) unseen.insert(id);
  }
  on_unseen_(std::move(unseen));
}

void ConsulServices::announce(const ServiceRecord& record, std::chrono::milliseconds after) {
  Kind& k = kind(record.kind);
  k.note = record.id + " " + record.host + " " + record.boot + " " + std::to_string(++notes_written_);
  k.to_write = true;
  if (!k.writing && !k.write.is_set()) k.write.set(after, [this, name = record.kind] { write_note(name); });
}

void ConsulServices::write_note(const std::string& name) {
  Kind& k = kind(name);
  if (!context_.contact.up()) k.to_write = false;  // who comes back to Consul reads all
  if (!k.to_write) return check_flushed();
  k.to_write = false;
  k.writing = true;
  const auto done = [this, name](const ConsulAnswer& answer) {
    kind(name).writing = false;
    if (!answer.ok())
      out().debug("cannot announce the services of kind {}: {}; others find them within three TTLs", name,
                  answer.error);
    write_note(name);
  };
  context_.api.call(
      {.method = "PUT", .path = "/v1/kv/" + consul::escape_key(std::string(kNotes) + name), .body = k.note}, done);
}

void ConsulServices::flush(std::function<void()> done) {
  on_flushed_ = std::move(done);
  check_flushed();
}

void ConsulServices::check_flushed() {
  const bool busy =
      std::any_of(kinds_.begin(), kinds_.end(), [](const auto& k) { return k.second->to_write || k.second->writing; });
  if (!busy && on_flushed_) std::exchange(on_flushed_, nullptr)();
}

void ConsulServices::on_notes(const Discovery::KvMap& notes) {
  for (const auto& [key, entry] : notes) {
    const auto before = notes_.find(key);
    if (before != notes_.end() && before->second == entry) continue;
    const std::string name = key.substr(kNotes.size());
    const auto it = kinds_.find(name);
    if (it == kinds_.end() || !it->second->watched || it->second->note == entry.value) continue;
    if (only_own(name) && !concerns_own(entry.value)) continue;
    read_soon(name, any_of(0ms, 200ms));
  }
  notes_ = notes;
}

void ConsulServices::settle() {
  settled_ = true;
  hold_.set(2 * context_.config.ttl, [this] { let_go(); });
  reread();  // what was seen since, and is not there now, is gone
}

void ConsulServices::let_go() {
  for (auto& [name, kind] : kinds_) {
    for (const auto& [id, held] : kind->held) out().info("gone from Consul service={}", id);
    kind->held.clear();
  }
  tell();
}

void ConsulServices::tell() {
  if (!on_change_) return;
  std::vector<ServiceRecord> all;
  for (const auto& [name, kind] : kinds_) {
    if (!kind->watched) continue;
    if (!kind->known) return;
    std::set<std::string_view> ids;
    for (const ServiceRecord& record : kind->live) ids.insert(record.id);
    all.insert(all.end(), kind->live.begin(), kind->live.end());
    for (const auto& [id, held] : kind->held) {
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
