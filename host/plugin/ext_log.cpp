#include "base/log.hpp"
#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

spdlog::level::level_enum level_of(cm_log_level level) {
  switch (level) {
    case CM_LOG_TRACE:
      return spdlog::level::trace;
    case CM_LOG_DEBUG:
      return spdlog::level::debug;
    case CM_LOG_WARN:
      return spdlog::level::warn;
    case CM_LOG_ERROR:
      return spdlog::level::err;
    default:
      return spdlog::level::info;
  }
}

void write(const cm_host* host, cm_log_level level, const char* text, size_t size) {
  const Instance* instance = Service::instance_of(host);
  if (instance == nullptr || text == nullptr) return;
  try {
    instance->service->log_own(level_of(level), std::string_view(text, size), *instance->generation);
  } catch (...) {  // no memory for a log line: it is lost
  }
}

int32_t enabled(const cm_host* host, cm_log_level level) {
  return host != nullptr && base::log(base::Room::service).should_log(level_of(level)) ? 1 : 0;
}

}  // namespace

const cm_host_log kHostLog{sizeof(cm_host_log), 0, &write, &enabled};

}  // namespace cm::plugin
