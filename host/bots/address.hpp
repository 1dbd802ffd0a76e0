#pragma once

#include <string>
#include <string_view>

#include "base/host_port.hpp"
#include "base/result.hpp"

namespace cm::bots {

// Where a client connects to, and how: `tcp://host:port`; without a scheme it is tcp.
struct Address {
  std::string scheme = "tcp";
  base::HostPort to;
  std::string path;  // of ws and wss

  static base::Result<Address> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
};

}  // namespace cm::bots
