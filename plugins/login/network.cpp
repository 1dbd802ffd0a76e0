#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "attempts.hpp"

namespace login {

std::string network_of(const std::string& address) {
  constexpr std::size_t host_half = 8;  // bytes
  in6_addr parsed{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return address;
  if (IN6_IS_ADDR_V4MAPPED(&parsed)) return address.substr(address.rfind(':') + 1);
  std::fill(std::begin(parsed.s6_addr) + host_half, std::end(parsed.s6_addr), std::uint8_t{0});
  return inet_ntop(AF_INET6, &parsed, text.data(), text.size()) != nullptr ? text.data() : address;
}

}  // namespace login
