#include <algorithm>
#include <cstring>

#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

using routing::Registry;
using routing::ServiceRef;
using Visit = void (*)(void* ctx, const cm_service_info* info);

void show(const Service& s, const Registry::Entry& entry, Visit visit, void* ctx) {
  const auto name = routing::ServiceName::parse(s.names().service_id(entry.ref));
  if (!name) return;
  const std::string id = name->id();
  cm_service_info info{};
  info.struct_size = sizeof info;
  info.service = static_cast<cm_service>(entry.ref);
  info.id = id.c_str();
  info.kind = name->kind.c_str();
  info.group = name->group.c_str();
  info.index = name->index;
  info.load_known = Registry::load_known(entry) ? 1 : 0;
  info.load = info.load_known != 0 ? entry.load->users.load(std::memory_order_relaxed) : 0;
  info.public_address = entry.public_address.c_str();
  info.unhealthy = entry.unhealthy.c_str();
  visit(ctx, &info);
}

bool good_kind(const char* kind) { return kind != nullptr && *kind != '\0' && std::strlen(kind) <= 64; }

cm_service find(const cm_host* host, const char* id) {
  cm_service found = 0;
  (void)on_service_thread(host, [&](Service& s) -> cm_status {
    if (id == nullptr) return s.invalid("directory.find of NULL");
    found = static_cast<cm_service>(s.names().service(id));
    return CM_OK;
  });
  return found;
}

cm_status get(const cm_host* host, cm_service service, Visit visit, void* ctx) {
  return on_service_thread(host, [&](Service& s) -> cm_status {
    if (visit == nullptr) return s.invalid("directory.get without a visitor");
    const auto snapshot = s.registry().snapshot();  // held: the visitor may call the host
    const auto* entry = snapshot->find(static_cast<ServiceRef>(service));
    if (entry == nullptr) return CM_UNAVAILABLE;
    show(s, *entry, visit, ctx);
    return CM_OK;
  });
}

size_t name(const cm_host* host, cm_service service, char* buffer, size_t size) {
  const Service* s = Service::of(host);
  if (s == nullptr) return 0;
  const std::string_view id = s->names().service_id(static_cast<ServiceRef>(service));
  if (buffer != nullptr && size != 0) {
    const std::size_t n = std::min(size - 1, id.size());
    std::copy_n(id.data(), n, buffer);
    buffer[n] = '\0';
  }
  return id.size();
}

cm_service pick(const cm_host* host, const char* kind) {
  cm_service picked = 0;
  (void)on_service_thread(host, [&](Service& s) -> cm_status {
    if (!good_kind(kind)) return s.invalid("directory.pick of a kind that is none");
    const auto* entry = Registry::pick(s.view().get(), s.names().kind(kind));
    picked = entry != nullptr ? static_cast<cm_service>(entry->ref) : 0;
    return CM_OK;
  });
  return picked;
}

void list(const cm_host* host, const char* kind, Visit visit, void* ctx) {
  (void)on_service_thread(host, [&](Service& s) -> cm_status {
    if (!good_kind(kind) || visit == nullptr) return s.invalid("directory.list without a kind or a visitor");
    const auto snapshot = s.registry().snapshot();
    const auto k = static_cast<std::size_t>(s.names().kind(kind));
    if (k >= snapshot->by_kind.size()) return CM_OK;
    for (const auto i : snapshot->by_kind[k]) show(s, snapshot->entries[i], visit, ctx);
    return CM_OK;
  });
}

void set_load(const cm_host* host, uint64_t load) {
  (void)on_actor(host, [&](Service& s) -> cm_status {
    s.reports().set_load(load);
    return CM_OK;
  });
}

void set_load_of(const cm_host* host, cm_service service, uint64_t load, uint32_t ttl_ms) {
  (void)on_actor(host, [&](Service& s) -> cm_status {
    const auto* entry = s.view().get().find(static_cast<ServiceRef>(service));
    // What runs on this host told its load itself, and that does not expire.
    if (entry != nullptr && !entry->host.empty()) s.registry().set_load(entry->ref, load, ttl_ms);
    return CM_OK;
  });
}

}  // namespace

const cm_host_directory kHostDirectory{
    sizeof(cm_host_directory), 0, &find, &get, &name, &pick, &list, &set_load, &set_load_of};

}  // namespace cm::plugin
