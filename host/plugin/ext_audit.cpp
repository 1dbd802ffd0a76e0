#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

bool good_name(const char* name) {
  static constexpr std::array<std::string_view, 4> kTaken{"service", "host", "plugin", "generation"};
  if (name == nullptr) return false;
  const std::string_view text(name);
  return !text.empty() && text.size() <= 64 && std::find(kTaken.begin(), kTaken.end(), text) == kTaken.end() &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

// Writes as %xx what would make one record look like another.
void append(std::string& out, std::string_view name, std::string_view value) {
  out.append(1, ' ').append(name).append(1, '=');
  for (const char c : value) {
    if (c > 0x20 && c < 0x7f && c != '"' && c != '%' && c != '=') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02x}", static_cast<unsigned char>(c));
    }
  }
}

cm_status write(const cm_host* host, const cm_audit_field* fields, size_t count) {
  return on_actor(host, [&](Service& service) -> cm_status {
    if (fields == nullptr || count == 0) return service.invalid("an audit record has no fields");
    if (count > CM_MAX_AUDIT_FIELDS) return service.invalid("an audit record has more than CM_MAX_AUDIT_FIELDS fields");
    std::string record = "audit";
    for (size_t i = 0; i < count; ++i) {
      const cm_audit_field& field = fields[i];
      if (!good_name(field.name)) return service.invalid("the name of an audit field is bad or the host's own");
      if (bad_bytes(field.value, field.value_size)) return service.invalid("the value of an audit field is NULL");
      if (field.value_size > CM_MAX_AUDIT_VALUE) return CM_TOO_LARGE;
      append(record, field.name, std::string_view(field.value, field.value_size));
    }
    const Generation& generation = *Service::instance_of(host)->generation;
    append(record, "service", service.id());
    append(record, "host", service.surroundings().identity.name);
    append(record, "plugin", generation.manifest().name + "@" + generation.manifest().version);
    append(record, "generation", std::to_string(generation.number()));
    base::audit(record);
    return CM_OK;
  });
}

}  // namespace

const cm_host_audit kHostAudit{sizeof(cm_host_audit), 0, &write};

}  // namespace cm::plugin
