#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_port.hpp"
#include "base/result.hpp"

namespace cm::net {

// Where a client connects to, and how: `tcp://host:port`, `tls://host:port`, `ws://host:port/`, `wss://host:port/`;
// `host:port` is tcp.
struct Address {
  std::string scheme = "tcp";
  base::HostPort to;
  std::string path;  // of ws and wss: "/" at least

  static base::Result<Address> parse(std::string_view text, std::optional<std::uint16_t> default_port = std::nullopt);
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_tls() const { return scheme == "tls" || scheme == "wss"; }
  [[nodiscard]] bool is_websocket() const { return scheme == "ws" || scheme == "wss"; }
  friend bool operator==(const Address&, const Address&) = default;
};

// Returns the addresses by which others may reach who listens on an IP address: that one; for 0.0.0.0 the one that this
// machine uses towards others, for :: those of both families. At least one: 127.0.0.1 on a machine without a network.
std::vector<std::string> own_addresses(const std::string& listen_address);

}  // namespace cm::net
