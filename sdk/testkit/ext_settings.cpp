// SPDX-License-Identifier: MIT
#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace settings {
namespace {

cm_status get(const cm_host* host, void (*sink)(void* ctx, const uint8_t* data, size_t size), void* ctx) {
  return on_service_thread(host, [&](HostSide& side) -> cm_status {
    if (sink == nullptr) return side.invalid("settings.get without a sink");
    if (!side.settings) return CM_NOT_FOUND;
    sink(ctx, bytes_of(*side.settings), side.settings->size());
    return CM_OK;
  });
}

}  // namespace
}  // namespace settings

const cm_host_settings host_settings{sizeof(cm_host_settings), 0, &settings::get};

}  // namespace cellmesh::test::detail
