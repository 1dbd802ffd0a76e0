#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
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
// change makes the next one.
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
  struct Snapshot {
    std::uint64_t version = 0;
    std::vector<Entry> entries;                       // sorted by ref
    std::vector<std::uint32_t> by_ref;                // ServiceRef -> index in entries + 1; 0: not up
    std::vector<std::vector<std::uint32_t>> by_kind;  // KindRef -> indices in entries
    [[nodiscard]] const Entry* find(ServiceRef ref) const {
      const auto i = static_cast<std::size_t>(ref);
      return i < by_ref.size() && by_ref[i] != 0 ? &entries[by_ref[i] - 1] : nullptr;
    }
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

  // Returns a service of a kind that is up, healthy and not draining: of two chosen at random the less loaded one, counting what
  // was picked here since the last report. nullptr when there is none. Services whose load is not known come last, and
  // after them those whose host is not reachable; with `with_frontend`, only those with a public address. Two choices
  // spread nearly as well as a look at all, and hosts that pick at the same time do not all pick the same one
  // (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"). [any thread]
  [[nodiscard]] static const Entry* pick(const Snapshot& snapshot, KindRef kind, bool with_frontend = false);

  enum class Event { up, down, changed, room };
  // `listener` is called after every change, on the thread that made it, without a lock held; `room`: a destination
  // that answered `full` has room again (ref: which service, or none for several). Listeners are added before threads
  // start and stay. [main thread]
  void listen(std::function<void(Event, ServiceRef)> listener);
  // A destination has room again: tells the listeners. [any thread]
  void notify_room(ServiceRef ref) const;

  [[nodiscard]] Names& names() const { return names_; }

 private:
  void publish(std::shared_ptr<Snapshot> next);
  void notify(Event event, ServiceRef ref) const;

  Names& names_;
  std::vector<std::function<void(Event, ServiceRef)>> listeners_;  // constant after the threads start
  std::atomic<std::uint64_t> version_{0};
  mutable std::mutex mutex_;  // guards current_
  std::mutex change_mutex_;   // one change at a time
  SnapshotPtr current_;
};

}  // namespace cm::routing
