#pragma once

#include <vector>

#include "base/result.hpp"
#include "cli/flags.hpp"
#include "net/tls.hpp"

namespace cm::cli {

// What a command that connects by TLS is told of whom to trust.
std::vector<Flag> trust_flags();
base::Result<net::TlsTrust> tls_trust(const Arguments& arguments);

}  // namespace cm::cli
