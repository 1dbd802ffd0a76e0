// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <tuple>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace directory {
namespace {

using Visit = void (*)(void* ctx, const cm_service_info* info);

void show(const HostSide& side, cm_service service, Visit visit, void* ctx) {
  const KnownService known = *side.find(service);  // a copy: the visitor may call the host
  const auto load = side.load_of(known);
  cm_service_info info{};
  info.struct_size = sizeof info;
  info.service = service;
  info.id = known.id.c_str();
  info.kind = known.name.kind.c_str();
  info.group = known.name.group.c_str();
  info.index = known.name.index;
  info.load_known = load ? 1 : 0;
  info.load = load.value_or(0);
  info.public_address = known.peer.address.c_str();
  info.unhealthy = known.peer.unhealthy.c_str();
  visit(ctx, &info);
}

bool good_kind(const char* kind) { return kind != nullptr && *kind != '\0' && std::strlen(kind) <= 64; }

cm_service find(const cm_host* host, const char* id) {
  cm_service found = 0;
  static_cast<void>(on_service_thread(host, [&](HostSide& side) -> cm_status {
    if (id == nullptr) return side.invalid("directory.find of NULL");
    found = side.service(id);
    return CM_OK;
  }));
  return found;
}

cm_status get(const cm_host* host, cm_service service, Visit visit, void* ctx) {
  return on_service_thread(host, [&](HostSide& side) -> cm_status {
    if (visit == nullptr) return side.invalid("directory.get without a visitor");
    if (!side.is_up(service)) return CM_UNAVAILABLE;
    show(side, service, visit, ctx);
    return CM_OK;
  });
}

size_t name(const cm_host* host, cm_service service, char* buffer, size_t size) {
  const HostSide* side = HostSide::of(host);
  if (side == nullptr) return 0;
  const KnownService* known = side->find(service);
  const std::string_view id = known != nullptr ? known->id : std::string_view();
  if (buffer != nullptr && size != 0) {
    const std::size_t n = std::min(size - 1, id.size());
    std::copy_n(id.data(), n, buffer);
    buffer[n] = '\0';
  }
  return id.size();
}

// Of equals the one that was named first, so that a test knows.
cm_service pick(const cm_host* host, const char* kind) {
  cm_service picked = 0;
  static_cast<void>(on_service_thread(host, [&](HostSide& side) -> cm_status {
    if (!good_kind(kind)) return side.invalid("directory.pick of a kind that is none");
    std::pair<bool, std::uint64_t> best;
    for (cm_service service = 1; service <= side.services.size(); ++service) {
      const KnownService& known = *side.find(service);
      if (!known.pickable || !known.peer.unhealthy.empty() || known.name.kind != kind) continue;
      const auto load = side.load_of(known);
      const std::pair<bool, std::uint64_t> rank{!load, load.value_or(0)};
      if (picked != 0 && rank >= best) continue;
      picked = service;
      best = rank;
    }
    return CM_OK;
  }));
  return picked;
}

void list(const cm_host* host, const char* kind, Visit visit, void* ctx) {
  static_cast<void>(on_service_thread(host, [&](HostSide& side) -> cm_status {
    if (!good_kind(kind) || visit == nullptr) return side.invalid("directory.list without a kind or a visitor");
    const auto count = side.services.size();
    for (cm_service service = 1; service <= count; ++service) {
      const KnownService& known = *side.find(service);
      if (known.up && known.name.kind == kind) show(side, service, visit, ctx);
    }
    return CM_OK;
  }));
}

void set_load(const cm_host* host, uint64_t load) {
  static_cast<void>(on_actor(host, [&](HostSide& side) -> cm_status {
    Act act{.did = Did::set_load};
    act.number = load;
    static_cast<void>(side.note(std::move(act)));
    side.load = load;
    side.find(side.ref)->peer.load = load;
    return CM_OK;
  }));
}

void set_load_of(const cm_host* host, cm_service service, uint64_t load, uint32_t ttl_ms) {
  static_cast<void>(on_actor(host, [&](HostSide& side) -> cm_status {
    Act act{.did = Did::set_load_of, .to = service};
    act.number = load;
    act.time_ms = ttl_ms;
    static_cast<void>(side.note(std::move(act)));
    // What runs on this host told its load itself, and that does not expire.
    if (!side.is_up(service) || service == side.ref) return CM_OK;
    KnownService& known = *side.find(service);
    known.peer.load = load;
    known.load_until_ms = side.now_ms + ttl_ms;
    return CM_OK;
  }));
}

}  // namespace
}  // namespace directory

const cm_host_directory host_directory{sizeof(cm_host_directory), 0,
                                       &directory::find,          &directory::get,
                                       &directory::name,          &directory::pick,
                                       &directory::list,          &directory::set_load,
                                       &directory::set_load_of};

}  // namespace cellmesh::test::detail
