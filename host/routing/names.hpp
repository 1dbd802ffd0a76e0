#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "routing/ids.hpp"

namespace cm::routing {

// Interns service ids and kinds: string <-> small number. What was interned stays for the life of the process, so that
// a number and a string_view never dangle. Bounded: past its limits intern() answers `none`. [any thread]
class Names {
 public:
  static constexpr std::size_t kMaxServices = 1U << 20U;
  static constexpr std::size_t kMaxKinds = 4096;

  // The number of a service id, made when it is new; none when it is not of the form name#index@group or the table is
  // full.
  ServiceRef service(std::string_view id);
  // The number that an id has already; none when it has none.
  [[nodiscard]] ServiceRef find(std::string_view id) const;
  // The id of a number; empty for one that does not exist.
  [[nodiscard]] std::string_view service_id(ServiceRef ref) const;
  // The kind of a service; none for one that does not exist.
  [[nodiscard]] KindRef kind_of(ServiceRef ref) const;

  KindRef kind(std::string_view name);
  [[nodiscard]] std::string_view kind_name(KindRef ref) const;

 private:
  struct Service {
    std::string id;
    KindRef kind;
  };
  mutable std::mutex mutex_;  // guards all below
  std::deque<Service> services_;
  std::deque<std::string> kinds_;
  std::unordered_map<std::string_view, ServiceRef> by_id_;
  std::unordered_map<std::string_view, KindRef> by_kind_;
};

}  // namespace cm::routing
