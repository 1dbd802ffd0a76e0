// SPDX-License-Identifier: MIT
#ifndef CELLMESH_DIRECTORY_HPP
#define CELLMESH_DIRECTORY_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client.hpp"
#include "core.hpp"
#include "status.hpp"

namespace cellmesh {

// A service that is up. Since 1.0.
struct ServiceInfo {
  ServiceId service;
  std::string id;    // "game#0@dev"
  std::string kind;  // "game"
  std::string group;
  std::uint32_t index = 0;
  std::optional<std::uint64_t> load;  // in users; nothing when it has not reported it lately
  std::string public_address;         // `host:port` for clients; empty when it has no frontend
  std::string unhealthy = {};         // why nobody is to pick it; empty when it is healthy. Since 1.2
};

// The services that this host can reach now: its own, and those of linked hosts. `directory().pick("game")`. All
// functions: [service thread], since 1.0.
class Directory {
 public:
  explicit Directory(detail::Core& core) : core_(core) {}

  // The service of that id, `game#0@dev`, whether it is up or not; none when `id` is not of that form.
  [[nodiscard]] ServiceId find(const std::string& id) const {
    return core_.directory != nullptr ? ServiceId(core_.directory->find(core_.host, id.c_str())) : ServiceId();
  }

  // What is known of a service; nothing when it is not up.
  [[nodiscard]] std::optional<ServiceInfo> get(ServiceId service) const {
    std::optional<ServiceInfo> found;
    detail::Visitor visitor([&](const cm_service_info& info) { found = copy(info); });
    static_cast<void>(detail::ask(core_.directory, &cm_host_directory::get, core_.host, service.handle(),
                                  &decltype(visitor)::info, &visitor));
    visitor.rethrow();
    return found;
  }

  // Its id, "game#0@dev", up or not; empty when there is no such service.
  [[nodiscard]] std::string name(ServiceId service) const {
    std::string name;
    if (core_.directory == nullptr) return name;
    // A second turn only for an id longer than any that a host makes by itself.
    for (std::size_t needed = 63; name.size() != needed;) {
      name.resize(needed);
      needed = core_.directory->name(core_.host, service.handle(), name.data(), name.size() + 1);
      if (needed < name.size()) name.resize(needed);
    }
    return name;
  }

  // The least-loaded service of a kind that is up, healthy and not going down, ties broken at random; none when there
  // is none.
  [[nodiscard]] ServiceId pick(const std::string& kind) const {
    return core_.directory != nullptr ? ServiceId(core_.directory->pick(core_.host, kind.c_str())) : ServiceId();
  }

  // All services of a kind that are up.
  [[nodiscard]] std::vector<ServiceInfo> list(const std::string& kind) const {
    std::vector<ServiceInfo> found;
    if (core_.directory == nullptr) return found;
    detail::Visitor visitor([&](const cm_service_info& info) { found.push_back(copy(info)); });
    core_.directory->list(core_.host, kind.c_str(), &decltype(visitor)::info, &visitor);
    visitor.rethrow();
    return found;
  }

  // Reports this service's load, in users; the host spreads it, and refreshes it by itself.
  void set_load(std::uint64_t users) const {
    if (core_.directory != nullptr) core_.directory->set_load(core_.host, users);
  }

  // Another service's load as somebody reported it, to be believed for `ttl`. For a service that collects reports.
  void set_load_of(ServiceId service, std::uint64_t users, std::chrono::milliseconds ttl) const {
    if (core_.directory == nullptr) return;
    core_.directory->set_load_of(core_.host, service.handle(), users, detail::to_ms32(ttl));
  }

 private:
  static ServiceInfo copy(const cm_service_info& info) {
    ServiceInfo made{ServiceId(info.service),
                     info.id,
                     info.kind,
                     info.group,
                     info.index,
                     std::nullopt,
                     info.public_address != nullptr ? info.public_address : "",
                     {}};
    constexpr auto known_since_1_2 = offsetof(cm_service_info, unhealthy) + sizeof info.unhealthy;
    if (info.struct_size >= known_since_1_2 && info.unhealthy != nullptr) made.unhealthy = info.unhealthy;
    if (info.load_known != 0) made.load = info.load;
    return made;
  }

  detail::Core& core_;
};

}  // namespace cellmesh

#endif
