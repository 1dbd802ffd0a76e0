// SPDX-License-Identifier: MIT
//
// The host's side of each extension, one file each, in a namespace of its own so that all may be compiled as one. They
// check as those of a real host do. Internal.
#ifndef CELLMESH_TESTKIT_EXTENSIONS_HPP
#define CELLMESH_TESTKIT_EXTENSIONS_HPP

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>

#include "cellmesh/abi/audit.h"
#include "cellmesh/abi/client_protocol.h"
#include "cellmesh/abi/directory.h"
#include "cellmesh/abi/health.h"
#include "cellmesh/abi/kv.h"
#include "cellmesh/abi/metrics.h"
#include "cellmesh/abi/settings.h"
#include "host_side.hpp"

namespace cellmesh::test::detail {

extern const cm_host_log host_log;
extern const cm_host_message host_message;
extern const cm_host_timer host_timer;
extern const cm_host_settings host_settings;
extern const cm_host_metrics host_metrics;
extern const cm_host_directory host_directory;
extern const cm_host_clients host_clients;
extern const cm_host_gateway host_gateway;
extern const cm_host_listeners host_listeners;
extern const cm_host_client_protocol host_client_protocol;
extern const cm_host_channel host_channel;
extern const cm_host_offload host_offload;
extern const cm_host_kv host_kv;
extern const cm_host_audit host_audit;
extern const cm_host_health host_health;

// The two functions of cm_host itself.
const void* host_extension(const cm_host* host, const char* id);
void host_report_fault(const cm_host* host, const char* what);

// Runs fn(side) for a call that must come on the service's thread.
template <class Fn>
cm_status on_service_thread(const cm_host* host, Fn&& fn) {
  const Generation* generation = Generation::of(host);
  if (generation == nullptr) return CM_INVALID;
  HostSide* side = &generation->side;
  if (!side->on_this_thread()) return CM_WRONG_THREAD;
  if (generation->phase == Phase::destroying) return CM_STOPPING;
  try {
    return std::forward<Fn>(fn)(*side);
  } catch (const std::exception& e) {
    side->report_fault(e.what());
  } catch (...) {
    side->report_fault("an exception of an unknown type left a function that was given to the host");
  }
  return CM_FAULT;
}

// The same for what changes something outside of the plugin: not while it takes the place of another generation, which
// may come to nothing.
template <class Fn>
cm_status on_actor(const cm_host* host, Fn&& fn) {
  return on_service_thread(host, [&](HostSide& side) -> cm_status {
    if (Generation::of(host)->phase == Phase::taking_over) {
      return side.invalid("while it takes over from another generation it can only read; act in resumed()");
    }
    return fn(side);
  });
}

// The same for what sends: not before start.
template <class Fn>
cm_status on_sender(const cm_host* host, Fn&& fn) {
  return on_actor(host, [&](HostSide& side) -> cm_status {
    if (Generation::of(host)->phase == Phase::creating) return side.invalid("nothing can be sent before start");
    return fn(side);
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
[[nodiscard]] bool is_utf8(std::string_view text);

// A handler's name and its cookie; empty when they are good, else why not.
[[nodiscard]] std::string_view bad_handler(const char* handler, const std::uint8_t* cookie, std::size_t cookie_size);

}  // namespace cellmesh::test::detail

#endif
