#pragma once

#include <string>

namespace cm::test {

// A TCP socket that is connected to `host:port`, without blocking from then on; throws.
int connect_to(const std::string& address);

}  // namespace cm::test
