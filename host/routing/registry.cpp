#include "routing/registry.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <random>
#include <utility>

namespace cm::routing {
namespace {

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool is_known(const Registry::Load& load, std::int64_t now) {
  return load.valid_until_ms.load(std::memory_order_relaxed) > now;
}

// Begins a new period of counting picks when the old one is over.
void turn_period(Registry::Load& load, std::int64_t now) {
  const std::int64_t period = now / Registry::Load::kPickedPeriodMs;
  std::int64_t before = load.picked_period.load(std::memory_order_relaxed);
  if (before == period || !load.picked_period.compare_exchange_strong(before, period, std::memory_order_relaxed))
    return;
  const std::uint64_t picked = load.picked.exchange(0, std::memory_order_relaxed);
  load.picked_before.store(before + 1 == period ? picked : 0, std::memory_order_relaxed);
}

// Users of a service as last reported, with those on their way to it.
std::uint64_t expected(Registry::Load& load, std::int64_t now) {
  turn_period(load, now);
  const std::uint64_t users = is_known(load, now) ? load.users.load(std::memory_order_relaxed) : 0;
  return users + load.picked.load(std::memory_order_relaxed) + load.picked_before.load(std::memory_order_relaxed);
}

// Takes away up to `seen` of what was counted; returns the rest of `seen`.
std::uint64_t take_away(std::atomic<std::uint64_t>& count, std::uint64_t seen) {
  std::uint64_t before = count.load(std::memory_order_relaxed);
  while (!count.compare_exchange_weak(before, before - std::min(before, seen), std::memory_order_relaxed)) {
  }
  return seen - std::min(before, seen);
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

std::size_t Registry::Entries::next(std::size_t i) const {
  for (; i < chunks_.size() * kChunk; ++i) {
    const Chunk* const chunk = chunks_[i / kChunk].get();
    if (chunk == nullptr) {
      i += kChunk - 1 - i % kChunk;
    } else if (chunk->slots[i % kChunk].ref != ServiceRef::none) {
      return i;
    }
  }
  return i;
}

Registry::Entry& Registry::Entries::slot(ServiceRef ref, std::uint64_t version) {
  const auto i = static_cast<std::size_t>(ref);
  if (i / kChunk >= chunks_.size()) chunks_.resize(i / kChunk + 1);
  auto& chunk = chunks_[i / kChunk];
  if (chunk == nullptr) {
    chunk = std::make_shared<Chunk>();
    chunk->version = version;
  } else if (chunk->version != version) {
    chunk = std::make_shared<Chunk>(*chunk);
    chunk->version = version;
  }
  return chunk->slots[i % kChunk];
}

const std::vector<ServiceRef>& Registry::Kinds::operator[](std::size_t kind) const {
  static const std::vector<ServiceRef> kNone;
  return lists_[kind] != nullptr ? *lists_[kind] : kNone;
}

Registry::Entry& Registry::Change::slot(ServiceRef ref) {
  if (!next_) {
    next_ = std::make_shared<Snapshot>(*current_);
    ++next_->version;
  }
  return next_->entries.slot(ref, next_->version);
}

base::Status Registry::Change::put(ServiceEntry entry) {
  const ServiceRef ref = entry.ref;
  const Entry* const known = find(ref);
  if (known != nullptr && known->host != entry.host) {
    return base::error("the service " + std::string(registry_.names_.service_id(ref)) + " is up already on host " +
                       (known->host.empty() ? "(this one)" : known->host) +
                       "; give one of the two another --index or --group");
  }
  const bool fresh = known == nullptr;
  Entry& there = slot(ref);
  static_cast<ServiceEntry&>(there) = std::move(entry);
  if (fresh) {
    there.load = std::make_shared<Load>();
    added_[there.kind].push_back(ref);
    ++next_->entries.size_;
  }
  events_.emplace_back(fresh ? Event::up : Event::changed, ref);
  return {};
}

bool Registry::Change::update(ServiceRef ref, const std::function<void(ServiceEntry&)>& change) {
  if (find(ref) == nullptr) return false;
  change(slot(ref));
  events_.emplace_back(Event::changed, ref);
  return true;
}

bool Registry::Change::remove(ServiceRef ref) {
  const Entry* const known = find(ref);
  if (known == nullptr) return false;
  (void)added_[known->kind];
  slot(ref) = {};
  --next_->entries.size_;
  events_.emplace_back(Event::down, ref);
  return true;
}

void Registry::change(const std::function<void(Change&)>& fn) {
  std::vector<std::pair<Event, ServiceRef>> events;
  {
    const std::lock_guard lock(change_mutex_);
    Change change(*this, snapshot());
    fn(change);
    if (change.next_) publish(change);
    events = std::move(change.events_);
  }
  std::vector<ServiceRef> same;
  for (std::size_t i = 0; i < events.size();) {
    const Event event = events[i].first;
    same.clear();
    for (; i < events.size() && events[i].first == event; ++i) same.push_back(events[i].second);
    notify(event, same);
  }
}

base::Status Registry::put(ServiceEntry entry) {
  base::Status status;
  change([&](Change& change) { status = change.put(std::move(entry)); });
  return status;
}

bool Registry::update(ServiceRef ref, const std::function<void(ServiceEntry&)>& change_entry) {
  bool found = false;
  change([&](Change& change) { found = change.update(ref, change_entry); });
  return found;
}

bool Registry::remove(ServiceRef ref) {
  bool found = false;
  change([&](Change& change) { found = change.remove(ref); });
  return found;
}

void Registry::set_load(ServiceRef ref, std::uint64_t users, std::uint32_t ttl_ms) {
  const SnapshotPtr now = snapshot();
  const Entry* entry = now->find(ref);
  if (entry == nullptr) return;
  Load& load = *entry->load;
  // Those that the report shows are no longer on their way.
  const std::uint64_t before = load.users.exchange(users, std::memory_order_relaxed);
  if (users > before) (void)take_away(load.picked, take_away(load.picked_before, users - before));
  load.valid_until_ms.store(ttl_ms == std::numeric_limits<std::uint32_t>::max()
                                ? std::numeric_limits<std::int64_t>::max()
                                : steady_ms() + ttl_ms,
                            std::memory_order_relaxed);
}

bool Registry::load_known(const Entry& entry) { return is_known(*entry.load, steady_ms()); }

const Registry::Entry* Registry::pick(const Snapshot& snapshot, KindRef kind, bool with_frontend) {
  const auto k = static_cast<std::size_t>(kind);
  if (k >= snapshot.by_kind.size()) return nullptr;
  const auto& all = snapshot.by_kind[k];
  const std::int64_t now = steady_ms();
  using Rank = std::pair<bool, bool>;
  const auto rank_of = [&](const Entry& entry) { return Rank{!entry.reachable, !is_known(*entry.load, now)}; };
  const auto fits = [&](const Entry& entry) {
    return !entry.draining && entry.unhealthy.empty() && entry.mailbox &&
           !(with_frontend && entry.public_address.empty());
  };
  Rank best{true, true};
  std::size_t count = 0;  // of that rank
  for (const auto i : all) {
    const Entry& entry = snapshot.entries[i];
    if (!fits(entry)) continue;
    const Rank rank = rank_of(entry);
    if (count != 0 && rank > best) continue;
    count = count != 0 && rank == best ? count + 1 : 1;
    best = rank;
  }
  if (count == 0) return nullptr;
  std::array<const Entry*, 2> chosen{};
  const std::size_t first = random_source()() % count;
  const std::size_t second = count == 1 ? first : (first + 1 + random_source()() % (count - 1)) % count;
  std::size_t place = 0;
  for (const auto i : all) {
    const Entry& entry = snapshot.entries[i];
    if (!fits(entry) || rank_of(entry) != best) continue;
    if (place == first) chosen[0] = &entry;
    if (place == second) chosen[1] = &entry;
    ++place;
  }
  // A load may have expired between the two looks: then one of them is missing, or both.
  const Entry* taken = chosen[0] != nullptr ? chosen[0] : chosen[1];
  if (taken == nullptr) return nullptr;
  const Entry* other = chosen[1];
  if (other != nullptr && expected(*other->load, now) < expected(*taken->load, now)) taken = other;
  taken->load->picked.fetch_add(1, std::memory_order_relaxed);
  return taken;
}

void Registry::listen(Listener listener) { listeners_.push_back(std::move(listener)); }

void Registry::notify_room(ServiceRef ref) const { notify(Event::room, std::span(&ref, 1)); }

void Registry::publish(Change& change) {
  Snapshot& next = *change.next_;
  for (auto& [its_kind, added] : change.added_) {
    const KindRef kind = its_kind;
    const auto k = static_cast<std::size_t>(kind);
    auto& lists = next.by_kind.lists_;
    if (lists.size() <= k) lists.resize(k + 1);
    std::sort(added.begin(), added.end());
    std::vector<ServiceRef> merged;
    std::set_union(next.by_kind[k].begin(), next.by_kind[k].end(), added.begin(), added.end(),
                   std::back_inserter(merged));
    std::erase_if(merged, [&](ServiceRef ref) {
      const Entry* const entry = next.find(ref);
      return entry == nullptr || entry->kind != kind;
    });
    lists[k] = merged.empty() ? nullptr : std::make_shared<const std::vector<ServiceRef>>(std::move(merged));
  }
  SnapshotPtr old;  // dies after the lock: it may be the last owner of a destination
  const std::lock_guard lock(mutex_);
  old = std::exchange(current_, SnapshotPtr(std::move(change.next_)));
  version_.store(current_->version, std::memory_order_release);
}

void Registry::notify(Event event, std::span<const ServiceRef> refs) const {
  for (const auto& listener : listeners_) listener(event, refs);
}

}  // namespace cm::routing
