#include "net/address.hpp"

#include <algorithm>

namespace cm::net {

base::Result<Address> Address::parse(std::string_view text, std::optional<std::uint16_t> default_port) {
  Address out;
  std::string_view rest = text;
  if (const auto end = text.find("://"); end != std::string_view::npos) {
    out.scheme = text.substr(0, end);
    rest = text.substr(end + 3);
  }
  if (out.scheme != "tcp" && !out.is_tls() && !out.is_websocket()) {
    return base::error("\"" + out.scheme.substr(0, 20) +
                       "\" is no way to a frontend; there are tcp://, tls://, ws:// and wss://, as in "
                       "tcp://127.0.0.1:8001");
  }
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    out.path = rest.substr(slash);
    rest = rest.substr(0, slash);
  }
  if (out.is_websocket()) {
    if (out.path.empty()) out.path = "/";
    // It goes into a line of the request.
    const bool plain = std::all_of(out.path.begin(), out.path.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!plain) return base::error("the path of an address holds what is no printable ASCII");
  } else if (out.path == "/") {
    out.path.clear();
  } else if (!out.path.empty()) {
    return base::error("an address of " + out.scheme + " has no path; ws and wss have");
  }
  const auto to = base::HostPort::parse(rest, default_port);
  if (!to) return to.error();
  out.to = *to;
  return out;
}

std::string Address::text() const { return scheme + "://" + to.text() + path; }

}  // namespace cm::net
