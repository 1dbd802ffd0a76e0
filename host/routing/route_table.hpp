#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/held.hpp"
#include "base/result.hpp"
#include "routing/names.hpp"

namespace cm::routing {

enum class RouteMode : std::uint8_t { blocked = 0, pass = 1, auth = 2 };

// One line of a service's routes as they stand in the KV.
struct RouteRule {
  std::uint16_t id = 0;
  std::string message;  // full name, for people
  RouteMode mode = RouteMode::blocked;
};

// The routes of one kind of service: the value of `cellmesh/routes/<service>`.
struct ServiceRoutes {
  std::string service;
  std::string version;  // of the plugin that they came from
  std::vector<RouteRule> rules;
  friend bool operator==(const ServiceRoutes&, const ServiceRoutes&);

  // JSON: {"version":"1.0.0","rules":[{"id":29052,"message":"proto.ChatREQ","mode":"auth"}]}. A refusal names the place
  // and the cure. Ids 1 to 65535, each once, mode pass or auth.
  static base::Result<ServiceRoutes> parse(std::string_view service, std::string_view json);
  [[nodiscard]] std::string to_json() const;
};

// An immutable snapshot: what the gateway does with a message id.
class RouteTable {
 public:
  struct Rule {
    KindRef kind = KindRef::none;
    RouteMode mode = RouteMode::blocked;
  };
  [[nodiscard]] Rule find(std::uint16_t id) const { return rules_[id]; }
  std::uint64_t version = 0;
  std::vector<KindRef> kinds;  // all targets

 private:
  friend class Routes;
  std::array<Rule, 65536> rules_{};
};

// Holds the routes of every service and makes the snapshots.
class Routes {
 public:
  explicit Routes(Names& names);

  using TablePtr = base::Held<RouteTable>;
  [[nodiscard]] TablePtr table() const;  // [any thread]

  // As Registry::View.
  class View {
   public:
    explicit View(const Routes& routes) : routes_(routes) {}
    const RouteTable& get() {
      if (!table_ || table_->version != routes_.version_.load(std::memory_order_acquire)) table_ = routes_.table();
      return *table_;
    }

   private:
    const Routes& routes_;
    TablePtr table_;
  };

  // Replaces the routes of one service atomically. Refused, and nothing changes, when an id is another service's; the
  // sentence names both messages. [any thread]
  base::Status set(const ServiceRoutes& routes);
  // Replaces the routes of all services by these, atomically, skipping (and naming in `refused`) each service whose
  // ids collide with one before it. [any thread]
  void set_all(const std::vector<ServiceRoutes>& all, std::vector<std::string>& refused);
  void remove(std::string_view service);
  [[nodiscard]] std::map<std::string, ServiceRoutes> all() const;

 private:
  base::Status rebuild(std::map<std::string, ServiceRoutes> next);

  Names& names_;
  std::atomic<std::uint64_t> version_{0};
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, ServiceRoutes> routes_;
  TablePtr table_;
};

}  // namespace cm::routing
