#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "routing/ids.hpp"

namespace cm::routing {

// Interns service ids and kinds: string <-> small number.
//
// What this host names itself, with service() and kind(), stays for the life of the process. What other hosts name is
// held: hold() counts, release() lets go. A name that nobody holds any more is kept until many others came after it
// and some time has passed, so that numbers that still wait in a queue, or that a plugin kept, mean the right service.
// Only then is its number given to another name. Bounded: past its limits nothing is interned. [any thread]
class Names {
 public:
  struct Limits {
    std::size_t max_services = 1U << 18U;
    std::size_t max_peer_services = 3U << 16U;  // of these, how many may be there for other hosts alone
    std::size_t max_kinds = 4096;
    std::size_t max_peer_kinds = 3072;
    // Names without a holder are forgotten, the oldest first, when there are more than this and it is that old.
    std::size_t max_idle = 1U << 16U;
    std::chrono::milliseconds idle_time{30'000};
  };

  Names() : Names(Limits()) {}
  explicit Names(Limits limits) : limits_(limits) {}

  // Returns the number of a service id, made when it is new; none when it is not of the form name#index@group or the
  // table is full.
  ServiceRef service(std::string_view id);
  // Does the same for an id that another host named, and counts one more holder. The error says which limit it met.
  base::Result<ServiceRef> hold(std::string_view id);
  // Counts one more holder of a number that somebody holds, or that service() returned.
  void hold(ServiceRef ref);
  void release(ServiceRef ref);
  void release(std::span<const ServiceRef> refs);
  // Returns the number of an id that a message of another host mentions, held by nobody; none as service().
  ServiceRef mention(std::string_view id);
  // The number that an id has already; none when it has none.
  [[nodiscard]] ServiceRef find(std::string_view id) const;
  // The id of a number; empty for one that does not exist.
  [[nodiscard]] std::string_view service_id(ServiceRef ref) const;
  // The kind of a service; none for one that does not exist.
  [[nodiscard]] KindRef kind_of(ServiceRef ref) const;

  KindRef kind(std::string_view name);
  [[nodiscard]] std::string_view kind_name(KindRef ref) const;

  struct Counts {
    std::size_t services = 0;  // in all
    std::size_t held = 0;      // for other hosts alone
    std::size_t idle = 0;      // held no more
    std::size_t kinds = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Service {
    std::string id;  // empty: the number is free
    KindRef kind = KindRef::none;
    bool permanent = false;
    std::uint32_t holders = 0;
    Clock::time_point idle_since;
    std::list<ServiceRef>::iterator idle_at;  // while it is idle
  };
  struct Kind {
    std::string name;  // empty: the number is free
    bool permanent = false;
    std::size_t services = 0;
  };

  [[nodiscard]] Service* at(ServiceRef ref);
  [[nodiscard]] const Service* at(ServiceRef ref) const;
  [[nodiscard]] static bool is_idle(const Service& service) { return !service.permanent && service.holders == 0; }
  ServiceRef add_service(std::string_view id, KindRef kind);
  KindRef add_kind(std::string_view name);
  void wake(Service& service);
  void let_go(ServiceRef ref);
  // Forgets idle names that are due, a few at a time; more when the table is full.
  void forget_some(Clock::time_point now);
  void forget(ServiceRef ref);
  [[nodiscard]] std::size_t peer_services() const { return by_id_.size() - permanent_; }

  const Limits limits_;
  mutable std::mutex mutex_;  // guards all below
  std::deque<Service> services_;
  std::deque<Kind> kinds_;
  std::unordered_map<std::string_view, ServiceRef> by_id_;
  std::unordered_map<std::string_view, KindRef> by_kind_;
  std::list<ServiceRef> idle_;  // the longest first
  std::vector<ServiceRef> free_services_;
  std::vector<KindRef> free_kinds_;
  std::size_t permanent_ = 0;
  std::size_t permanent_kinds_ = 0;
};

}  // namespace cm::routing
