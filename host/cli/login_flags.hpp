#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "cli/flags.hpp"
#include "net/address.hpp"
#include "net/tls.hpp"

namespace cm::cli {

inline constexpr const char* kDefaultLogin = "127.0.0.1:8001";

// How a command that plays gets in.
struct WayIn {
  std::function<base::Result<net::Address>()> find_login;  // may ask Consul, which blocks
  net::TlsTrust trust;                                     // of tls and wss
};

// --login or --consul, --mesh, and whom to trust: --ca, --insecure.
std::vector<Flag> login_flags();
// What these say. `default_port`: of a --login that is no URL and names none; without, it must.
base::Result<WayIn> way_in(const Arguments& arguments, std::optional<std::uint16_t> default_port = std::nullopt);

}  // namespace cm::cli
