#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace login {

struct Address {
  std::string host;
  int port = 0;
};

// `host:port` or `[v6]:port`; nothing when it is not of that form or the port is not 1 to 65535.
inline std::optional<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (!host.empty() && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return std::nullopt;  // where would the port begin?
  }
  const std::string_view digits = text.substr(colon + 1);
  int port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (host.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (port < 1 || port > 65535) return std::nullopt;
  return Address{std::string(host), port};
}

}  // namespace login
