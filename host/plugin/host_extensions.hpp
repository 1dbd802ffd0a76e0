#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "cellmesh/abi/audit.h"
#include "cellmesh/abi/client_protocol.h"
#include "cellmesh/abi/gateway.h"
#include "cellmesh/abi/health.h"
#include "cellmesh/abi/host.h"
#include "cellmesh/abi/kv.h"
#include "cellmesh/abi/listeners.h"
#include "cellmesh/abi/log.h"
#include "cellmesh/abi/metrics.h"
#include "plugin/service.hpp"

namespace cm::plugin {

// The two functions of cm_host itself.
const void* host_extension(const cm_host* host, const char* id);
void host_report_fault(const cm_host* host, const char* what);

// The host's side of each extension: one file each (ext_log.cpp ...), stateless; all state is the calling service's.
extern const cm_host_log kHostLog;
extern const cm_host_message kHostMessage;
extern const cm_host_timer kHostTimer;
extern const cm_host_settings kHostSettings;
extern const cm_host_metrics kHostMetrics;
extern const cm_host_directory kHostDirectory;
extern const cm_host_clients kHostClients;
extern const cm_host_gateway kHostGateway;
extern const cm_host_client_protocol kHostClientProtocol;
extern const cm_host_listeners kHostListeners;
extern const cm_host_channel kHostChannel;
extern const cm_host_offload kHostOffload;
extern const cm_host_kv kHostKv;
extern const cm_host_audit kHostAudit;
extern const cm_host_health kHostHealth;

// Runs fn(service) for a call that must come on the service's thread. Whatever the plugin does wrong comes back to it
// as a status.
template <class Fn>
cm_status on_service_thread(const cm_host* host, Fn&& fn) {
  const Instance* instance = Service::instance_of(host);
  if (instance == nullptr) return CM_INVALID;
  Service* service = instance->service;
  if (!service->on_this_thread()) return CM_WRONG_THREAD;
  if (service->given_up() || instance->phase == Instance::Phase::destroying) return CM_STOPPING;
  try {
    return std::forward<Fn>(fn)(*service);
  } catch (const std::exception& e) {
    service->report_fault(e.what());
  } catch (...) {
    service->report_fault("an exception of an unknown type left a function that was given to the host");
  }
  return CM_FAULT;
}

// The same for what changes something outside of the plugin: not while it takes the place of another generation, which
// may come to nothing.
template <class Fn>
cm_status on_actor(const cm_host* host, Fn&& fn) {
  return on_service_thread(host, [&](Service& service) -> cm_status {
    if (Service::instance_of(host)->phase == Instance::Phase::taking_over) {
      return service.invalid("while it takes over from another generation it can only read; act in resumed()");
    }
    return fn(service);
  });
}

// The same for what sends: not before start.
template <class Fn>
cm_status on_sender(const cm_host* host, Fn&& fn) {
  return on_actor(host, [&](Service& service) -> cm_status {
    if (Service::instance_of(host)->phase == Instance::Phase::creating) {
      return service.invalid("nothing can be sent before start");
    }
    return fn(service);
  });
}

// Copies a plugin's struct, which may be of an older minor and end sooner (the rest stays zero), or of a newer one.
// Returns false if it is NULL or shorter than `least`, its size in the first minor that had it.
template <class T>
[[nodiscard]] bool read_struct(const T* from, std::size_t least, T& to) {
  if (from == nullptr || from->struct_size < least) return false;
  std::memcpy(&to, from, std::min<std::size_t>(from->struct_size, sizeof to));
  return true;
}

[[nodiscard]] inline bool bad_bytes(const void* data, std::size_t size) { return data == nullptr && size != 0; }

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return data == nullptr ? std::string_view{} : std::string_view(reinterpret_cast<const char*>(data), size);
}
[[nodiscard]] inline std::span<const std::byte> body_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, data == nullptr ? 0 : size));
}

// Why the options of a frontend are none; empty when they are good.
[[nodiscard]] std::string_view read_frontend_options(const cm_frontend_options* in, routing::FrontendOptions& out);

// A handler's name and its cookie; empty when they are good, else why not.
[[nodiscard]] std::string_view bad_handler(const char* handler, const std::uint8_t* cookie, std::size_t cookie_size);

}  // namespace cm::plugin
