#include "net/address.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>

namespace cm::net {
namespace {

// The local address of a socket that would send to the Internet (nothing is sent); empty without a route there.
std::string own_address(bool v6) {
  namespace ip = boost::asio::ip;
  boost::asio::io_context context;
  boost::system::error_code ec;
  ip::udp::socket socket(context);
  const ip::udp::endpoint out(ip::make_address(v6 ? "2001:db8::1" : "192.0.2.1"), 9);
  socket.connect(out, ec);
  const auto local = ec ? ip::udp::endpoint() : socket.local_endpoint(ec);
  return ec || local.address().is_unspecified() ? std::string() : local.address().to_string();
}

}  // namespace

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

std::vector<std::string> own_addresses(const std::string& listen_address) {
  const auto address = boost::asio::ip::make_address(listen_address);
  if (!address.is_unspecified()) return {address.to_string()};
  std::vector<std::string> found;
  // A socket on `::` takes both families.
  if (address.is_v6()) {
    if (auto v6 = own_address(true); !v6.empty()) found.push_back(std::move(v6));
  }
  if (auto v4 = own_address(false); !v4.empty()) found.push_back(std::move(v4));
  if (found.empty()) found.emplace_back("127.0.0.1");
  return found;
}

}  // namespace cm::net
