#include "base/host_port.hpp"

#include <algorithm>
#include <charconv>

namespace cm::base {
namespace {

bool plausible_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':' || c == '%';
  });
}

Error refuse(std::string_view text) {
  return error("\"" + std::string(text.substr(0, 300)) +
               "\" is no address; write host:port, such as 127.0.0.1:8001 or [::1]:8001");
}

}  // namespace

Result<HostPort> HostPort::parse(std::string_view text, std::optional<std::uint16_t> default_port) {
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return refuse(text);
    host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return refuse(text);
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else if (const auto colon = text.rfind(':'); colon != std::string_view::npos && text.find(':') == colon) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  if (!plausible_host(host)) return refuse(text);
  HostPort out{std::string(host), default_port.value_or(0)};
  if (!has_port) {
    if (!default_port) return refuse(text);
    return out;
  }
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (ec != std::errc() || end != port.data() + port.size()) return refuse(text);
  return out;
}

std::string HostPort::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace cm::base
