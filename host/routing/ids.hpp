#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace cm::routing {

// A service id of the mesh (`game#0@dev`), interned for the life of the process; see Names. The plugin ABI's cm_service
// has the same value.
enum class ServiceRef : std::uint32_t { none = 0 };

// A kind of service (`game`), interned likewise.
enum class KindRef : std::uint16_t { none = 0 };

// A player's connection: the service that opened its frontend, and the session's number in that service's host.
struct ClientId {
  ServiceRef agent = ServiceRef::none;
  std::uint64_t session = 0;
  friend bool operator==(const ClientId&, const ClientId&) = default;
};

// The parts of `name#index@group`.
struct ServiceName {
  std::string kind;
  std::uint32_t index = 0;
  std::string group;

  // Kind and group: 1 to 64 of [A-Za-z0-9_.-]; index: up to nine digits.
  static base::Result<ServiceName> parse(std::string_view id);
  [[nodiscard]] std::string id() const;
};

}  // namespace cm::routing

template <>
struct std::hash<cm::routing::ClientId> {
  std::size_t operator()(const cm::routing::ClientId& c) const noexcept {
    return std::hash<std::uint64_t>{}(c.session * 0x9E3779B97F4A7C15ULL ^ static_cast<std::uint64_t>(c.agent));
  }
};
