#include "plugin/host_extensions.hpp"

#include <array>
#include <cstring>

namespace cm::plugin {
namespace {

constexpr std::size_t kMaxHandler = 1024;

}  // namespace

const void* host_extension(const cm_host* host, const char* id) {
  static const std::array<std::pair<std::string_view, const void*>, 15> kAll{
      {{CM_EXT_LOG, &kHostLog},
       {CM_EXT_MESSAGE, &kHostMessage},
       {CM_EXT_TIMER, &kHostTimer},
       {CM_EXT_SETTINGS, &kHostSettings},
       {CM_EXT_METRICS, &kHostMetrics},
       {CM_EXT_DIRECTORY, &kHostDirectory},
       {CM_EXT_CLIENTS, &kHostClients},
       {CM_EXT_GATEWAY, &kHostGateway},
       {CM_EXT_CLIENT_PROTOCOL, &kHostClientProtocol},
       {CM_EXT_LISTENERS, &kHostListeners},
       {CM_EXT_CHANNEL, &kHostChannel},
       {CM_EXT_OFFLOAD, &kHostOffload},
       {CM_EXT_KV, &kHostKv},
       {CM_EXT_AUDIT, &kHostAudit},
       {CM_EXT_HEALTH, &kHostHealth}}};
  const Service* service = Service::of(host);
  if (service == nullptr || id == nullptr || !service->on_this_thread()) return nullptr;
  for (const auto& [name, extension] : kAll) {
    if (name == id) return extension;
  }
  return nullptr;
}

void host_report_fault(const cm_host* host, const char* what) {
  Service* service = Service::of(host);
  if (service == nullptr || !service->on_this_thread()) return;
  service->report_fault(what != nullptr ? what : "it did not say why");
}

std::string_view bad_handler(const char* handler, const std::uint8_t* cookie, std::size_t cookie_size) {
  if (handler == nullptr || *handler == '\0') return "the handler has no name";
  if (std::strlen(handler) > kMaxHandler) return "the handler's name has more than 1,024 bytes";
  if (cookie_size > CM_MAX_COOKIE) return "the cookie has more than CM_MAX_COOKIE bytes";
  if (bad_bytes(cookie, cookie_size)) return "the cookie is NULL";
  return {};
}

}  // namespace cm::plugin
