// SPDX-License-Identifier: MIT
//
// What a service knows of its host: the part of Service<T> that does not depend on T. Internal.
#ifndef CELLMESH_CORE_HPP
#define CELLMESH_CORE_HPP

#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <utility>

#include "abi/audit.h"
#include "abi/channel.h"
#include "abi/client_address.h"
#include "abi/client_origin.h"
#include "abi/client_protocol.h"
#include "abi/clients.h"
#include "abi/directory.h"
#include "abi/gateway.h"
#include "abi/health.h"
#include "abi/host.h"
#include "abi/kv.h"
#include "abi/listeners.h"
#include "abi/log.h"
#include "abi/message.h"
#include "abi/metrics.h"
#include "abi/offload.h"
#include "abi/settings.h"
#include "abi/timer.h"
#include "client.hpp"
#include "cookie.hpp"
#include "log.hpp"
#include "message.hpp"
#include "status.hpp"
#include "table.hpp"

namespace cellmesh::detail {

// The host of the service that this thread is creating: so that a service's constructor and its members' initialisers
// may use settings(), log() and counter() already. A plain pointer, because a non-trivial thread_local would keep the
// plugin from being unloaded.
constinit inline thread_local const cm_host* creating = nullptr;

// Calls a function of a host extension; Status::unavailable when this host does not have the extension.
template <typename Ext, typename... P, typename... A>
Status ask(const Ext* ext, cm_status (*Ext::*function)(P...), A... args) {
  return ext != nullptr ? static_cast<Status>((ext->*function)(args...)) : Status::unavailable;
}

// Milliseconds of a duration, rounded up; 0 of a negative one.
template <typename Rep, typename Period>
std::uint64_t to_ms(std::chrono::duration<Rep, Period> time) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  return ms > 0 ? static_cast<std::uint64_t>(ms) : 0;
}

// The same, cut to the 49 days that fit 32 bits.
inline std::uint32_t to_ms32(std::chrono::milliseconds time) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(to_ms(time), std::numeric_limits<std::uint32_t>::max()));
}

// Owned by Service<T>; service thread only, but for `host` and `log`, which are constant after construction.
class Core {
 public:
  explicit Core(const cm_host* from)
      : host(from),
        log(extension<cm_host_log>(CM_EXT_LOG)),
        message(extension<cm_host_message>(CM_EXT_MESSAGE)),
        clients(extension<cm_host_clients>(CM_EXT_CLIENTS)),
        timer(extension<cm_host_timer>(CM_EXT_TIMER)),
        settings(extension<cm_host_settings>(CM_EXT_SETTINGS)),
        directory(extension<cm_host_directory>(CM_EXT_DIRECTORY)),
        channel(extension<cm_host_channel>(CM_EXT_CHANNEL)),
        metrics(extension<cm_host_metrics>(CM_EXT_METRICS)),
        offload(extension<cm_host_offload>(CM_EXT_OFFLOAD)),
        gateway(extension<cm_host_gateway>(CM_EXT_GATEWAY)),
        kv(extension<cm_host_kv>(CM_EXT_KV)),
        listeners(extension<cm_host_listeners>(CM_EXT_LISTENERS)),
        client_protocol(extension<cm_host_client_protocol>(CM_EXT_CLIENT_PROTOCOL)),
        audit(extension<cm_host_audit>(CM_EXT_AUDIT)),
        health(extension<cm_host_health>(CM_EXT_HEALTH)) {}
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  ~Core() = default;

  // Constant after construction. An extension that this host does not have is null.
  const cm_host* const host;
  const cm_host_log* const log;
  const cm_host_message* const message;
  const cm_host_clients* const clients;
  const cm_host_timer* const timer;
  const cm_host_settings* const settings;
  const cm_host_directory* const directory;
  const cm_host_channel* const channel;
  const cm_host_metrics* const metrics;
  const cm_host_offload* const offload;
  const cm_host_gateway* const gateway;
  const cm_host_kv* const kv;                            // since 1.1
  const cm_host_listeners* const listeners;              // since 1.1
  const cm_host_client_protocol* const client_protocol;  // since 1.2
  const cm_host_audit* const audit;                      // since 1.2
  const cm_host_health* const health;                    // since 1.2

  // The request being handled; null between messages.
  const cm_request* current = nullptr;
  Tables tables;

  [[nodiscard]] Log logger() const { return Log(host, log); }

  // Serializes a message into a buffer that is kept for the next one, and hands it to `send(data, size)`, which returns
  // a Status. Status::too_large for one that no service takes.
  template <typename F>
  Status with_bytes(const google::protobuf::MessageLite& source, F&& send) {
    const std::size_t size = source.ByteSizeLong();
    if (size > CM_MAX_SERVICE_BODY) return Status::too_large;
    if (size > kKeptBuffer) {
      const auto large = std::make_unique<std::uint8_t[]>(size);
      source.SerializeWithCachedSizesToArray(large.get());
      return send(static_cast<const std::uint8_t*>(large.get()), size);
    }
    if (capacity_ < size) {
      buffer_ = std::make_unique<std::uint8_t[]>(2 * size);
      capacity_ = 2 * size;
    }
    source.SerializeWithCachedSizesToArray(buffer_.get());
    return send(static_cast<const std::uint8_t*>(buffer_.get()), size);
  }

  // Answers `request`.
  template <Message M>
  Status reply(const cm_request& request, const M& answer) {
    return with_bytes(answer, [&](const std::uint8_t* data, std::size_t size) {
      return ask(message, &cm_host_message::reply, host, &request, MessageTraits<M>::id, data, size);
    });
  }

  // Says in the log why a cookie cannot be used, and that nothing was done.
  Status refuse_cookie(const char* handler) const {
    logger().error(
        "the cookie for {} is larger than {} bytes; keep the data in the service and put a key into the cookie",
        handler, CM_MAX_COOKIE);
    return Status::invalid;
  }

 private:
  static constexpr std::size_t kKeptBuffer = 64 * std::size_t{1024};

  template <typename Ext>
  const Ext* extension(const char* id) const {
    const auto* ext = static_cast<const Ext*>(host->get_extension(host, id));
    return ext != nullptr && ext->struct_size >= sizeof(Ext) ? ext : nullptr;
  }

  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t capacity_ = 0;
};

// Collects what the host hands to a C callback: an exception waits until the host has returned.
template <typename F>
class Visitor {
 public:
  explicit Visitor(F work) : work_(std::move(work)) {}

  static void info(void* self, const cm_service_info* info) noexcept { static_cast<Visitor*>(self)->run(*info); }
  static void bytes(void* self, const std::uint8_t* data, std::size_t size) noexcept {
    static_cast<Visitor*>(self)->run(data, size);
  }
  void rethrow() {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  template <typename... A>
  void run(const A&... args) noexcept {
    try {
      if (!failure_) work_(args...);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  F work_;
  std::exception_ptr failure_;
};

}  // namespace cellmesh::detail

#endif
