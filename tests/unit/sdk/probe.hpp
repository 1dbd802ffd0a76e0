#pragma once

#include <cellmesh/plugin.hpp>
#include <cellmesh/testkit.hpp>

#include <string>
#include <vector>

#include "probe.cellmesh.hpp"

namespace cm::test {

using cellmesh::test::Act;
using cellmesh::test::Did;
using cellmesh::test::Faulted;
using cellmesh::test::Host;
using cellmesh::test::MemoryHost;
using cellmesh::test::not_started;

using ProbeMessages =
    cellmesh::MessageList<probe::AskREQ, probe::AskACK, probe::LoadREQ, probe::LoadACK, probe::NewsACK, probe::TickREQ>;

// The kind of service that a class makes, as a plugin's table has it.
template <typename T>
const cm_service_kind& kind_of() {
  return cellmesh::test::kind_of<T, ProbeMessages>();
}
template <typename T>
std::string id_of() {
  return std::string(kind_of<T>().kind) + "#0@test";
}

// A service of class T and who is around it.
template <typename T>
struct Fixture {
  Host host{id_of<T>(), kind_of<T>()};
  MemoryHost& memory = host.memory();
  cellmesh::ServiceId data = host.up("data#0@test");
  cellmesh::Client alice = host.client();
  cellmesh::Client bob = host.client();
};

template <typename M>
constexpr std::uint16_t message_id = cellmesh::MessageTraits<M>::id;

template <typename M>
M parsed(const std::string& body) {
  M message;
  message.ParseFromString(body);
  return message;
}

inline std::vector<std::string> faults(const MemoryHost& host) {
  std::vector<std::string> all;
  for (const auto& fault : host.faults()) all.push_back(fault.what);
  return all;
}
inline std::vector<std::string> lines(const MemoryHost& host) {
  std::vector<std::string> all;
  for (const auto& line : host.lines()) all.push_back(line.text);
  return all;
}

}  // namespace cm::test
