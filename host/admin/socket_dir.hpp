#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace cm::admin {

// Where the hosts of this user put their admin sockets, the best place first: $XDG_RUNTIME_DIR/cellmesh when there is
// such a directory, then /tmp/cellmesh-<uid>.
std::vector<std::string> socket_dirs();

// `<pid>.sock` in the best place.
std::string default_socket_path();

// Makes the directory, or checks the one that exists: this user's, and closed to everybody else.
base::Status make_private_dir(const std::string& dir);

// Whether a socket can have this path at all.
base::Status check_socket_path(const std::string& path);

// The sockets in these directories on which a host listens. Those that a dead host left behind are removed.
std::vector<std::string> live_sockets(const std::vector<std::string>& dirs);

// What a connection attempt to a socket finds.
enum class Probe { listening, dead, absent, not_a_socket, forbidden };
Probe probe_socket(const std::string& path);

}  // namespace cm::admin
