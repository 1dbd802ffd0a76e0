#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "routing/frontends.hpp"

namespace cm::session {

// Where a listener listens, for public_urls().
struct ListeningAt {
  routing::Transport transport = routing::Transport::tcp;
  std::string address;  // IP address
  std::uint16_t port = 0;
  bool first = false;  // of its frontend
};

// Returns what clients are told to connect to for a listener, at least one URL. `public_host` is a comma-separated
// list:
//   play.example.org         for every listener, with the port that it listens on
//   play.example.org:7000    for the frontend's first listener; the host alone for the others
//   wss://play.example.org/  for listeners of that transport; 80 and 443 are the default ports of ws and wss
// Entries of a listener's transport go before those without one. Empty: the address that it listens on; where that is
// any, those of this machine, of both families for `::`. Refused: what is neither a host nor a URL.
base::Result<std::vector<std::string>> public_urls(std::string_view public_host, const ListeningAt& at);

}  // namespace cm::session
