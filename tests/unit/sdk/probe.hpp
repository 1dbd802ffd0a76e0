#pragma once

#include <cellmesh/plugin.hpp>

#include "probe.cellmesh.hpp"
#include "unit/sdk/fake_host.hpp"

namespace cm::test {

using ProbeMessages =
    cellmesh::MessageList<probe::AskREQ, probe::AskACK, probe::LoadREQ, probe::LoadACK, probe::NewsACK, probe::TickREQ>;

// The kind of service that a class makes, as a plugin's table has it.
template <typename T>
const cm_service_kind& kind_of() {
  return cellmesh::detail::Provider<T, ProbeMessages>::kind;
}

// A service of class T on a host of its own. `Service` classes are found by their host: each test class keeps what it
// saw in members that are reached through `last`.
template <typename T>
struct Fixture {
  FakeHost host;
  Running running{kind_of<T>(), host};
};

template <typename M>
constexpr std::uint16_t id_of = cellmesh::MessageTraits<M>::id;

template <typename M>
M parsed(const std::string& body) {
  M message;
  message.ParseFromString(body);
  return message;
}

inline constexpr cm_client alice{9, 0, 41};
inline constexpr cm_client bob{9, 0, 42};

}  // namespace cm::test
