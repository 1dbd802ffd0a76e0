// SPDX-License-Identifier: MIT
//
// The handles that messages come with: service, client, request, timer. All are plain data, may be copied, kept, put
// into a map or a cookie, and used from any hook of the service that got them. They mean nothing in another process.
#ifndef CELLMESH_CLIENT_HPP
#define CELLMESH_CLIENT_HPP

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "abi/timer.h"
#include "abi/types.h"

namespace cellmesh {

// A service of the mesh, `game#0@dev`, up or not: Service::directory() tells its name and whether it is up. Since 1.0.
class ServiceId {
 public:
  // No service.
  constexpr ServiceId() = default;
  constexpr explicit ServiceId(cm_service handle) : handle_(handle) {}

  // Whether it names a service.
  constexpr explicit operator bool() const { return handle_ != 0; }
  // The ABI's handle: the same service has the same one for the life of this process.
  [[nodiscard]] constexpr cm_service handle() const { return handle_; }
  friend constexpr auto operator<=>(ServiceId, ServiceId) = default;

 private:
  cm_service handle_ = 0;
};

// A player's connection on a frontend, addressed from anywhere in the mesh. Since 1.0.
class Client {
 public:
  // Nobody.
  constexpr Client() = default;
  constexpr explicit Client(const cm_client& raw) : agent_(raw.agent), session_(raw.session) {}
  constexpr Client(ServiceId agent, std::uint64_t session) : agent_(agent), session_(session) {}

  // Whether it names a client.
  constexpr explicit operator bool() const { return static_cast<bool>(agent_); }
  // The service that opened its frontend.
  [[nodiscard]] constexpr ServiceId agent() const { return agent_; }
  // Its number: unique within the agent's host, never reused in the life of that host.
  [[nodiscard]] constexpr std::uint64_t session() const { return session_; }
  // As the ABI has it.
  [[nodiscard]] constexpr cm_client raw() const { return cm_client{agent_.handle(), 0, session_}; }
  friend constexpr auto operator<=>(const Client&, const Client&) = default;

 private:
  ServiceId agent_;
  std::uint64_t session_ = 0;
};

// A request that may be answered later, once, from any hook: see Service::request() and Service::reply(). Since 1.0.
class Request {
 public:
  // One that nobody waits for; an answer to it is Status::not_found.
  constexpr Request() = default;
  constexpr explicit Request(const cm_request& raw) : raw_(raw) {}

  // The service that sent it; none when a client did.
  [[nodiscard]] constexpr ServiceId from() const { return ServiceId(raw_.from); }
  // The client that sent it, or on whose behalf a service did; nobody when there is none.
  [[nodiscard]] constexpr Client client() const { return Client(raw_.client); }
  // Whether a service waits for the answer (it used `call`).
  [[nodiscard]] constexpr bool waits() const { return raw_.call != 0; }
  // As the ABI has it.
  [[nodiscard]] constexpr const cm_request& raw() const { return raw_; }

  // As bytes, for a field of a state or of a table's row: so it survives a reload. They mean nothing in another
  // process. Since 1.1.
  [[nodiscard]] std::string bytes() const { return {reinterpret_cast<const char*>(&raw_), sizeof raw_}; }
  // Back from its bytes. Of other bytes: one that nobody waits for. Since 1.1.
  [[nodiscard]] static Request from_bytes(std::string_view bytes) {
    cm_request raw{};
    if (bytes.size() == sizeof raw) std::memcpy(&raw, bytes.data(), sizeof raw);
    return Request(raw);
  }

 private:
  cm_request raw_{};
};

// A timer of this service, see Service::after() and Service::every(). Since 1.0.
class TimerId {
 public:
  // No timer.
  constexpr TimerId() = default;
  constexpr explicit TimerId(cm_timer handle) : handle_(handle) {}

  // Whether it names a timer, one that is over perhaps.
  constexpr explicit operator bool() const { return handle_ != 0; }
  // The ABI's handle, never reused by a service.
  [[nodiscard]] constexpr cm_timer handle() const { return handle_; }
  friend constexpr auto operator<=>(TimerId, TimerId) = default;

 private:
  cm_timer handle_ = 0;
};

// "service:7", with its handle; its name is Service::directory().name(service). For logs. Since 1.0.
inline std::string to_string(ServiceId service) { return "service:" + std::to_string(service.handle()); }
// "client 3:41", the agent's handle and the session. For logs. Since 1.0.
inline std::string to_string(const Client& client) {
  return "client " + std::to_string(client.agent().handle()) + ":" + std::to_string(client.session());
}

}  // namespace cellmesh

template <>
struct std::hash<cellmesh::ServiceId> {
  std::size_t operator()(cellmesh::ServiceId service) const noexcept { return service.handle(); }
};

template <>
struct std::hash<cellmesh::Client> {
  std::size_t operator()(const cellmesh::Client& client) const noexcept {
    const std::uint64_t mixed = client.session() ^ (std::uint64_t{client.agent().handle()} << 40U);
    return static_cast<std::size_t>(mixed * 0x9E3779B97F4A7C15U);
  }
};

template <>
struct std::hash<cellmesh::TimerId> {
  std::size_t operator()(cellmesh::TimerId timer) const noexcept { return static_cast<std::size_t>(timer.handle()); }
};

#endif
