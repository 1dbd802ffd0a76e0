// SPDX-License-Identifier: MIT
#ifndef CELLMESH_AUDIT_HPP
#define CELLMESH_AUDIT_HPP

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abi/audit.h"
#include "format.hpp"
#include "log.hpp"
#include "status.hpp"

namespace cellmesh {

// One `name=value` of an audit record: `{"amount", -100}`. The value is text, a number, or what else a log line takes;
// no value can break a record's line, see abi/audit.h. Since 1.2.
class AuditField {
 public:
  template <typename T>
  AuditField(const char* name, const T& value) : name_(name) {
    if constexpr (std::is_array_v<T>) {
      value_ = std::string_view(value);
    } else {
      detail::append_value(value_, value);
    }
  }

  [[nodiscard]] const char* name() const { return name_; }
  [[nodiscard]] const std::string& value() const { return value_; }

 private:
  const char* name_;
  std::string value_;
};

namespace detail {

// Appends ` name=value` as a host writes it.
inline void append_audit_field(std::string& out, std::string_view name, std::string_view value) {
  constexpr std::string_view digits = "0123456789abcdef";
  out.append(1, ' ').append(name).append(1, '=');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '"' && c != '%' && c != '=') {
      out += c;
    } else {
      out.append(1, '%').append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    }
  }
}

// Writes a record; to the log where the host has no audit stream (before 1.2) or refuses it, so that it is not lost.
inline Status write_audit(const cm_host* host, const cm_host_audit* audit, const Log& log,
                          std::initializer_list<AuditField> fields) {
  std::vector<cm_audit_field> list;
  list.reserve(fields.size());
  for (const AuditField& f : fields) list.push_back({f.name(), f.value().data(), f.value().size()});
  Status status = Status::unavailable;
  if (audit != nullptr) {
    status = static_cast<Status>(audit->write(host, list.data(), list.size()));
    if (status == Status::ok) return status;
  }
  std::string record = "audit";
  for (const AuditField& f : fields) append_audit_field(record, f.name(), f.value());
  if (audit != nullptr) {
    log.error("a record was refused by the audit stream ({}): {}", status, record);
  } else {
    log.write(CM_LOG_INFO, record);
  }
  return status;
}

}  // namespace detail
}  // namespace cellmesh

#endif
