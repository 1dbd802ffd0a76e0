#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace cm::base {

// Where to connect to or to listen: a name or an IP address, and a port.
struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;

  // `host:port`, `[v6]:port`; without the port when there is a default for it.
  static Result<HostPort> parse(std::string_view text, std::optional<std::uint16_t> default_port = std::nullopt);
  [[nodiscard]] std::string text() const;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

}  // namespace cm::base
