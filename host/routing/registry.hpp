#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/held.hpp"
#include "routing/destination.hpp"
#include "routing/names.hpp"

namespace cm::routing {

// What is known of a service that is up.
struct ServiceEntry {
  ServiceRef ref = ServiceRef::none;
  KindRef kind = KindRef::none;
  std::string host;                      // name of its host; empty for this one
  std::string public_address;            // `host:port` of its frontend for clients; empty: none
  bool gateway = false;                  // its frontend routes, so its clients get broadcasts
  bool draining = false;                 // going down: no new bindings
  std::string unhealthy;                 // why nobody is to pick it; empty: it is healthy
  bool reachable = true;                 // false while the link to its host is broken: picked when no other is there
  std::shared_ptr<Destination> mailbox;  // for envelopes to the service
  std::shared_ptr<Destination> clients;  // for envelopes to its clients; null: no frontend
};

// All services that this host can reach: its own and those of linked hosts. Readers hold an immutable snapshot; each
// change makes the next one, which shares with the one before whatever stayed the same.
class Registry {
 public:
  struct Load {
    std::atomic<std::uint64_t> users{0};
    std::atomic<std::int64_t> valid_until_ms{0};  // steady clock; 0: never reported

    // Users that pick() sent there and no report has shown yet, so that a burst does not all go to whoever was the
    // least loaded before it. Some never arrive: forgotten after one to two kPickedPeriodMs.
    static constexpr std::int64_t kPickedPeriodMs = 5'000;
    std::atomic<std::uint64_t> picked{0};         // in this period
    std::atomic<std::uint64_t> picked_before{0};  // in the one before
    std::atomic<std::int64_t> picked_period{0};
  };
  struct Entry : ServiceEntry {
    std::shared_ptr<Load> load;
  };

  // The entries of a snapshot by ref, in chunks. Walks in the order of refs.
  class Entries {
   public:
    class Iterator {
     public:
      using iterator_category = std::forward_iterator_tag;
      using value_type = Entry;
      using difference_type = std::ptrdiff_t;
      using pointer = const Entry*;
      using reference = const Entry&;
      Iterator() = default;
      reference operator*() const { return *entries_->find(static_cast<ServiceRef>(at_)); }
      pointer operator->() const { return &**this; }
      Iterator& operator++() {
        at_ = entries_->next(at_ + 1);
        return *this;
      }
      Iterator operator++(int) { return std::exchange(*this, std::next(*this)); }
      friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

     private:
      friend class Entries;
      Iterator(const Entries& entries, std::size_t at) : entries_(&entries), at_(at) {}
      const Entries* entries_ = nullptr;
      std::size_t at_ = 0;
    };

    [[nodiscard]] const Entry* find(ServiceRef ref) const {
      const auto i = static_cast<std::size_t>(ref);
      if (i / kChunk >= chunks_.size() || chunks_[i / kChunk] == nullptr) return nullptr;
      const Entry& entry = chunks_[i / kChunk]->slots[i % kChunk];
      return entry.ref != ServiceRef::none ? &entry : nullptr;
    }
    // Not for one that is not there.
    const Entry& operator[](ServiceRef ref) const { return *find(ref); }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] Iterator begin() const { return {*this, next(0)}; }
    [[nodiscard]] Iterator end() const { return {*this, chunks_.size() * kChunk}; }

   private:
    friend class Registry;
    static constexpr std::size_t kChunk = 64;
    struct Chunk {
      std::uint64_t version = 0;  // of the snapshot that it was made for, which alone may change it
      std::array<Entry, kChunk> slots;
    };
    // The first index from `i` on that has an entry.
    [[nodiscard]] std::size_t next(std::size_t i) const;
    // The slot of a ref, in a chunk of this version's own.
    Entry& slot(ServiceRef ref, std::uint64_t version);

    std::vector<std::shared_ptr<Chunk>> chunks_;
    std::size_t size_ = 0;
  };

  // The refs of a snapshot's entries by kind, each kind's in order.
  class Kinds {
   public:
    [[nodiscard]] std::size_t size() const { return lists_.size(); }
    const std::vector<ServiceRef>& operator[](std::size_t kind) const;

   private:
    friend class Registry;
    std::vector<std::shared_ptr<const std::vector<ServiceRef>>> lists_;  // KindRef -> refs; null: none
  };

  struct Snapshot {
    std::uint64_t version = 0;
    Entries entries;
    Kinds by_kind;
    [[nodiscard]] const Entry* find(ServiceRef ref) const { return entries.find(ref); }
  };
  using SnapshotPtr = base::Held<Snapshot>;

  explicit Registry(Names& names) : names_(names) {}

  // The current snapshot. A thread in a loop uses a View instead. [any thread]
  [[nodiscard]] SnapshotPtr snapshot() const;
  // A copy of what is known of one service; nothing when it is not up. [any thread]
  [[nodiscard]] std::optional<Entry> find(ServiceRef ref) const;

  // A thread's own hold on the current snapshot: get() costs one atomic load while nothing changes. The reference is
  // valid until the next get() or release() on the same view. One view a thread.
  class View {
   public:
    explicit View(const Registry& registry) : registry_(registry) {}
    const Snapshot& get() {
      if (!snapshot_ || snapshot_->version != registry_.version_.load(std::memory_order_acquire))
        snapshot_ = registry_.snapshot();
      return *snapshot_;
    }
    // Lets go of it until the next get(): a snapshot keeps alive what has gone since.
    void release() { snapshot_ = {}; }

   private:
    const Registry& registry_;
    SnapshotPtr snapshot_;
  };

  // Hands an envelope to the service or to the clients that `envelope.to` names, as its kind says. [any thread]
  static Delivery deliver(const Snapshot& snapshot, const Envelope& envelope);

  enum class Event { up, down, changed, room };

  // Several changes that are made as one: readers see all of them or none, and the cost is that of what changes. Lives
  // during change().
  class Change {
   public:
    // As those of Registry.
    base::Status put(ServiceEntry entry);
    bool update(ServiceRef ref, const std::function<void(ServiceEntry&)>& change);
    bool remove(ServiceRef ref);

   private:
    friend class Registry;
    Change(const Registry& registry, SnapshotPtr current) : registry_(registry), current_(std::move(current)) {}
    [[nodiscard]] const Entry* find(ServiceRef ref) const { return next_ ? next_->find(ref) : current_->find(ref); }
    Entry& slot(ServiceRef ref);

    const Registry& registry_;
    const SnapshotPtr current_;
    std::shared_ptr<Snapshot> next_;                    // null: nothing changed yet
    std::map<KindRef, std::vector<ServiceRef>> added_;  // of each kind whose list changes
    std::vector<std::pair<Event, ServiceRef>> events_;
  };
  // Calls fn, then publishes what it changed and tells the listeners. fn must not use the registry otherwise.
  // [any thread]
  void change(const std::function<void(Change&)>& fn);

  // Adds a service, or replaces what is known of it. Refused when it is up already on another host. [any thread]
  base::Status put(ServiceEntry entry);
  // Changes what is known of a service that is up; false when it is not. [any thread]
  bool update(ServiceRef ref, const std::function<void(ServiceEntry&)>& change);
  // The service is down. False when it was not up. [any thread]
  bool remove(ServiceRef ref);

  // A service's load as reported, believed for ttl_ms. Ignored when it is not up. [any thread]
  void set_load(ServiceRef ref, std::uint64_t users, std::uint32_t ttl_ms);
  // Known and not expired.
  [[nodiscard]] static bool load_known(const Entry& entry);

  // Returns a service of a kind that is up, healthy and not draining: of two chosen at random the less loaded one,
  // counting what was picked here since the last report. nullptr when there is none. Services whose load is not known
  // come last, and after them those whose host is not reachable; with `with_frontend`, only those with a public
  // address. Two choices spread nearly as well as a look at all, and hosts that pick at the same time do not all pick
  // the same one (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"). [any thread]
  [[nodiscard]] static const Entry* pick(const Snapshot& snapshot, KindRef kind, bool with_frontend = false);

  using Listener = std::function<void(Event, std::span<const ServiceRef>)>;
  // `listener` is called after every change, on the thread that made it, without a lock held, with all services that
  // the change did the same to; `room`: a destination that answered `full` has room again (which service, or `none` for
  // several). Listeners are added before threads start and stay. [main thread]
  void listen(Listener listener);
  // A destination has room again: tells the listeners. [any thread]
  void notify_room(ServiceRef ref) const;

  [[nodiscard]] Names& names() const { return names_; }

 private:
  void publish(Change& change);
  void notify(Event event, std::span<const ServiceRef> refs) const;

  Names& names_;
  std::vector<Listener> listeners_;  // constant after the threads start
  std::atomic<std::uint64_t> version_{0};
  mutable std::mutex mutex_;  // guards current_
  std::mutex change_mutex_;   // one change at a time
  SnapshotPtr current_;
};

}  // namespace cm::routing
