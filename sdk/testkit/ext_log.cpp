// SPDX-License-Identifier: MIT
#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace {

void write(const cm_host* host, cm_log_level level, const char* text, size_t size) {
  HostSide* side = HostSide::of(host);
  if (side != nullptr && text != nullptr) side->write_line(level, std::string(text, size));
}

int32_t enabled(const cm_host* host, cm_log_level level) {
  const HostSide* side = HostSide::of(host);
  return side != nullptr && level >= side->log_level ? 1 : 0;
}

}  // namespace

const cm_host_log host_log{sizeof(cm_host_log), 0, &write, &enabled};

}  // namespace cellmesh::test::detail
