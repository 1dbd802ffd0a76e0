#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

cm_status get(const cm_host* host, void (*sink)(void* ctx, const uint8_t* data, size_t size), void* ctx) {
  return on_service_thread(host, [&](Service& s) -> cm_status {
    if (sink == nullptr) return s.invalid("settings.get without a sink");
    const auto& settings = Service::instance_of(host)->settings;
    if (!settings) return CM_NOT_FOUND;
    sink(ctx, reinterpret_cast<const uint8_t*>(settings->data()), settings->size());
    return CM_OK;
  });
}

}  // namespace

const cm_host_settings kHostSettings{sizeof(cm_host_settings), 0, &get};

}  // namespace cm::plugin
