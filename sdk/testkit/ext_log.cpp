// SPDX-License-Identifier: MIT
#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace log {
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
}  // namespace log

const cm_host_log host_log{sizeof(cm_host_log), 0, &log::write, &log::enabled};

}  // namespace cellmesh::test::detail
