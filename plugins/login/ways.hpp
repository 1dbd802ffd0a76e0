#pragma once

#include <cellmesh/listeners.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address.hpp"

namespace login {

// One way to an agent, as its URL says.
struct Way {
  cellmesh::Transport transport{};
  std::string url;
  Address address;
};

// Parses tcp://host:port, tls://, ws://host:port/path and wss://; ws and wss have 80 and 443 as default ports. Nothing
// for other text.
std::optional<Way> parse_way(std::string_view url);

// Returns the ways that a client from `client_address` is told, in the order of `urls`. Of each transport those of the
// client's own IP family and those that go by a name; where it has none of these, all.
std::vector<Way> ways_for(const std::vector<std::string>& urls, std::string_view client_address);

// Returns the way for a client that knows one address alone: by the transport that it uses, else by TCP, else the
// first. Null when there is none.
const Way* way_by(const std::vector<Way>& ways, cellmesh::Transport transport);

}  // namespace login
