// SPDX-License-Identifier: MIT
#include "extensions.hpp"

#include <array>
#include <cstring>
#include <utility>

namespace cellmesh::test::detail {
namespace {

constexpr std::size_t max_handler = 1024;

// Bytes of the character at the front of `text`; 0 when it is no UTF-8.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  const unsigned second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool too_high = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_high ? 0 : size;
}

}  // namespace

const void* host_extension(const cm_host* host, const char* id) {
  static const std::array<std::pair<std::string_view, const void*>, 15> all{
      {{CM_EXT_LOG, &host_log},
       {CM_EXT_MESSAGE, &host_message},
       {CM_EXT_TIMER, &host_timer},
       {CM_EXT_SETTINGS, &host_settings},
       {CM_EXT_METRICS, &host_metrics},
       {CM_EXT_DIRECTORY, &host_directory},
       {CM_EXT_CLIENTS, &host_clients},
       {CM_EXT_GATEWAY, &host_gateway},
       {CM_EXT_LISTENERS, &host_listeners},
       {CM_EXT_CLIENT_PROTOCOL, &host_client_protocol},
       {CM_EXT_CHANNEL, &host_channel},
       {CM_EXT_OFFLOAD, &host_offload},
       {CM_EXT_KV, &host_kv},
       {CM_EXT_AUDIT, &host_audit},
       {CM_EXT_HEALTH, &host_health}}};
  const HostSide* side = HostSide::of(host);
  if (side == nullptr || id == nullptr || !side->on_this_thread() || side->missing.contains(id)) return nullptr;
  for (const auto& [name, extension] : all) {
    if (name == id) return extension;
  }
  return nullptr;
}

void host_report_fault(const cm_host* host, const char* what) {
  HostSide* side = HostSide::of(host);
  if (side != nullptr && side->on_this_thread()) side->report_fault(what != nullptr ? what : "it did not say why");
}

std::string_view bad_handler(const char* handler, const std::uint8_t* cookie, std::size_t cookie_size) {
  if (handler == nullptr || *handler == '\0') return "the handler has no name";
  if (std::strlen(handler) > max_handler) return "the handler's name has more than 1,024 bytes";
  if (cookie_size > CM_MAX_COOKIE) return "the cookie has more than CM_MAX_COOKIE bytes";
  if (bad_bytes(cookie, cookie_size)) return "the cookie is NULL";
  return {};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace cellmesh::test::detail
