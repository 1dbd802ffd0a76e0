#include "routing/registry.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>
#include <tuple>
#include <utility>

namespace cm::routing {
namespace {

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void index(Registry::Snapshot& s) {
  std::sort(s.entries.begin(), s.entries.end(), [](const auto& a, const auto& b) { return a.ref < b.ref; });
  s.by_ref.assign(s.entries.empty() ? 0 : static_cast<std::size_t>(s.entries.back().ref) + 1, 0);
  s.by_kind.clear();
  for (std::uint32_t i = 0; i < s.entries.size(); ++i) {
    s.by_ref[static_cast<std::size_t>(s.entries[i].ref)] = i + 1;
    const auto kind = static_cast<std::size_t>(s.entries[i].kind);
    if (s.by_kind.size() <= kind) s.by_kind.resize(kind + 1);
    s.by_kind[kind].push_back(i);
  }
}

std::minstd_rand& random_source() {
  thread_local std::minstd_rand source{std::random_device{}()};
  return source;
}

}  // namespace

Registry::SnapshotPtr Registry::snapshot() const {
  const std::lock_guard lock(mutex_);
  if (!current_) {
    static const auto kEmpty = std::make_shared<const Snapshot>();
    return kEmpty;
  }
  return current_;
}

std::optional<Registry::Entry> Registry::find(ServiceRef ref) const {
  const SnapshotPtr now = snapshot();
  const Entry* entry = now->find(ref);
  return entry != nullptr ? std::optional<Entry>(*entry) : std::nullopt;
}

Delivery Registry::deliver(const Snapshot& snapshot, const Envelope& envelope) {
  const Entry* entry = snapshot.find(envelope.to);
  if (entry == nullptr) return Delivery::gone;
  Destination* to = for_clients(envelope.kind) ? entry->clients.get() : entry->mailbox.get();
  return to != nullptr ? to->deliver(envelope) : Delivery::gone;
}

base::Status Registry::put(ServiceEntry entry) {
  Event event = Event::up;
  const ServiceRef ref = entry.ref;
  {
    const std::lock_guard change(change_mutex_);
    auto next = std::make_shared<Snapshot>(*snapshot());
    Entry full;
    static_cast<ServiceEntry&>(full) = std::move(entry);
    const auto it =
        std::find_if(next->entries.begin(), next->entries.end(), [&](const Entry& e) { return e.ref == ref; });
    if (it == next->entries.end()) {
      full.load = std::make_shared<Load>();
      next->entries.push_back(std::move(full));
    } else {
      if (it->host != full.host) {
        return base::error("the service " + std::string(names_.service_id(ref)) + " is up already on host " +
                           (it->host.empty() ? "(this one)" : it->host) +
                           "; give one of the two another --index or --group");
      }
      full.load = it->load;
      *it = std::move(full);
      event = Event::changed;
    }
    publish(std::move(next));
  }
  notify(event, ref);
  return {};
}

bool Registry::update(ServiceRef ref, const std::function<void(ServiceEntry&)>& change_entry) {
  {
    const std::lock_guard change(change_mutex_);
    auto next = std::make_shared<Snapshot>(*snapshot());
    const auto it =
        std::find_if(next->entries.begin(), next->entries.end(), [&](const Entry& e) { return e.ref == ref; });
    if (it == next->entries.end()) return false;
    change_entry(*it);
    publish(std::move(next));
  }
  notify(Event::changed, ref);
  return true;
}

bool Registry::remove(ServiceRef ref) {
  {
    const std::lock_guard change(change_mutex_);
    auto next = std::make_shared<Snapshot>(*snapshot());
    if (std::erase_if(next->entries, [&](const Entry& e) { return e.ref == ref; }) == 0) return false;
    publish(std::move(next));
  }
  notify(Event::down, ref);
  return true;
}

void Registry::set_load(ServiceRef ref, std::uint64_t users, std::uint32_t ttl_ms) {
  const SnapshotPtr now = snapshot();
  const Entry* entry = now->find(ref);
  if (entry == nullptr) return;
  entry->load->users.store(users, std::memory_order_relaxed);
  entry->load->valid_until_ms.store(ttl_ms == std::numeric_limits<std::uint32_t>::max()
                                        ? std::numeric_limits<std::int64_t>::max()
                                        : steady_ms() + ttl_ms,
                                    std::memory_order_relaxed);
}

bool Registry::load_known(const Entry& entry) {
  return entry.load->valid_until_ms.load(std::memory_order_relaxed) > steady_ms();
}

const Registry::Entry* Registry::pick(const Snapshot& snapshot, KindRef kind, bool with_frontend) {
  const auto k = static_cast<std::size_t>(kind);
  if (k >= snapshot.by_kind.size()) return nullptr;
  const Entry* best = nullptr;
  using Rank = std::tuple<bool, bool, std::uint64_t>;
  Rank best_rank;
  std::minstd_rand::result_type ties = 0;
  for (const auto i : snapshot.by_kind[k]) {
    const Entry& entry = snapshot.entries[i];
    if (entry.draining || !entry.mailbox || (with_frontend && entry.public_address.empty())) continue;
    const bool known = load_known(entry);
    const Rank rank{!entry.reachable, !known, known ? entry.load->users.load(std::memory_order_relaxed) : 0};
    if (best == nullptr || rank < best_rank) {
      best = &entry;
      best_rank = rank;
      ties = 1;
    } else if (rank == best_rank && random_source()() % ++ties == 0) {
      best = &entry;
    }
  }
  return best;
}

void Registry::listen(std::function<void(Event, ServiceRef)> listener) { listeners_.push_back(std::move(listener)); }

void Registry::notify_room(ServiceRef ref) const { notify(Event::room, ref); }

void Registry::publish(std::shared_ptr<Snapshot> next) {
  next->version = version_.load(std::memory_order_relaxed) + 1;
  index(*next);
  SnapshotPtr old;  // dies after the lock: it may be the last owner of a destination
  const std::lock_guard lock(mutex_);
  old = std::exchange(current_, SnapshotPtr(std::move(next)));
  version_.store(current_->version, std::memory_order_release);
}

void Registry::notify(Event event, ServiceRef ref) const {
  for (const auto& listener : listeners_) listener(event, ref);
}

}  // namespace cm::routing
