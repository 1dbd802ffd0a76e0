// SPDX-License-Identifier: MIT
#include "cellmesh/abi/client_protocol.h"

#include <string>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace client_protocol {
namespace {

bool is_version(uint32_t version) { return version >= 1 && version <= CM_PROTOCOL_ANY; }

cm_status set_default(const cm_host* host, uint32_t version) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (!side.frontend) return side.invalid("a client protocol before its frontend was opened");
    if (!is_version(version)) return side.invalid("the version of a client protocol is 1 to 255");
    return side.note({.did = Did::gateway_default_protocol, .text = std::to_string(version)});
  });
}

cm_status set(const cm_host* host, const cm_client* client, uint32_t version) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (client == nullptr || client->session == 0 || client->agent != side.ref) {
      return side.invalid("the client is not one of this service's own frontend");
    }
    if (!is_version(version)) return side.invalid("the version of a client protocol is 1 to 255");
    return side.note({.did = Did::gateway_set_protocol, .clients = {*client}, .text = std::to_string(version)});
  });
}

}  // namespace
}  // namespace client_protocol

const cm_host_client_protocol host_client_protocol{sizeof(cm_host_client_protocol), 0, &client_protocol::set_default,
                                                   &client_protocol::set};

}  // namespace cellmesh::test::detail
