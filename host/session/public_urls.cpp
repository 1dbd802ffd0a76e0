#include "session/public_urls.hpp"

#include <optional>

#include "base/host_port.hpp"
#include "base/operator_text.hpp"
#include "net/address.hpp"

namespace cm::session {
namespace {

using net::Address;

std::string url(routing::Transport transport, const std::string& host, std::uint16_t port, std::string path = {}) {
  if (path.empty() && routing::is_websocket(transport)) path = "/";
  return Address{routing::name(transport), {host, port}, path}.text();
}

struct Entry {
  std::string scheme;  // empty: of any transport
  std::string host;
  std::uint16_t port = 0;  // 0: that of the listener
  std::string path;
};

std::optional<std::uint16_t> default_port(std::string_view scheme) {
  if (scheme == "ws") return std::uint16_t{80};
  if (scheme == "wss") return std::uint16_t{443};
  return std::uint16_t{0};
}

base::Result<Entry> parse_entry(std::string_view text) {
  const auto refuse = [&] {
    return base::error("public_host has \"" + std::string(text.substr(0, 300)) +
                       "\" in it; write a host, host:port, or a URL such as tcp://play.example.org:7000 or "
                       "wss://play.example.org/, comma-separated");
  };
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) {
    const auto at = base::HostPort::parse(text, std::uint16_t{0});
    if (!at) return refuse();
    return Entry{{}, at->host, at->port, {}};
  }
  const auto address = Address::parse(text, default_port(text.substr(0, scheme)));
  if (!address) return refuse();
  return Entry{address->scheme, address->to.host, address->to.port, address->path};
}

base::Result<std::vector<Entry>> parse_list(std::string_view text) {
  std::vector<Entry> entries;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view part = base::trimmed(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    if (part.empty()) continue;
    auto entry = parse_entry(part);
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace

base::Result<std::vector<std::string>> public_urls(std::string_view public_host, const ListeningAt& at) {
  const auto entries = parse_list(public_host);
  if (!entries) return entries.error();
  std::vector<std::string> urls;
  for (const Entry& entry : *entries) {
    if (entry.scheme != routing::name(at.transport)) continue;
    urls.push_back(url(at.transport, entry.host, entry.port != 0 ? entry.port : at.port, entry.path));
  }
  if (!urls.empty()) return urls;
  for (const Entry& entry : *entries) {
    if (!entry.scheme.empty()) continue;
    urls.push_back(url(at.transport, entry.host, entry.port != 0 && at.first ? entry.port : at.port));
  }
  if (!urls.empty()) return urls;
  // Every entry is of another transport: the host is the same, the port is the listener's.
  for (const Entry& entry : *entries) return std::vector{url(at.transport, entry.host, at.port)};
  for (const auto& host : net::own_addresses(at.address)) urls.push_back(url(at.transport, host, at.port));
  return urls;
}

}  // namespace cm::session
