// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstring>

#include "cellmesh/audit.hpp"
#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace audit {
namespace {

bool good_name(const char* name) {
  static constexpr std::array<std::string_view, 4> taken{"service", "host", "plugin", "generation"};
  if (name == nullptr) return false;
  const std::string_view text(name);
  return !text.empty() && text.size() <= 64 && std::find(taken.begin(), taken.end(), text) == taken.end() &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

cm_status write(const cm_host* host, const cm_audit_field* fields, size_t count) {
  return on_actor(host, [&](HostSide& side) -> cm_status {
    if (fields == nullptr || count == 0) return side.invalid("an audit record has no fields");
    if (count > CM_MAX_AUDIT_FIELDS) return side.invalid("an audit record has more than CM_MAX_AUDIT_FIELDS fields");
    std::string record;
    for (size_t i = 0; i < count; ++i) {
      const cm_audit_field& field = fields[i];
      if (!good_name(field.name)) return side.invalid("the name of an audit field is bad or the host's own");
      if (bad_bytes(field.value, field.value_size)) return side.invalid("the value of an audit field is NULL");
      if (field.value_size > CM_MAX_AUDIT_VALUE) return CM_TOO_LARGE;
      cellmesh::detail::append_audit_field(record, field.name, std::string_view(field.value, field.value_size));
    }
    const std::lock_guard lock(side.mutex);
    side.audits.push_back(record.substr(1));
    return CM_OK;
  });
}

}  // namespace
}  // namespace audit

const cm_host_audit host_audit{sizeof(cm_host_audit), 0, &audit::write};

}  // namespace cellmesh::test::detail
