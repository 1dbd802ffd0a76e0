#pragma once

#include <chrono>

namespace cm::base {

// Breaks a TCP connection whose peer's machine has not answered for `timeout`: it lost its power or its network, and
// nobody said so. Idle connections are probed (TCP keepalive), bytes that are sent must be acknowledged in that time
// (TCP_USER_TIMEOUT). A peer that is silent but alive stays. Takes up to twice the time if something is sent just
// before it is over. On a listening socket: of the connections that are accepted from then on. 0: never. At least 4 s
// otherwise. [any thread]
void set_peer_timeout(int socket, std::chrono::seconds timeout);

}  // namespace cm::base
