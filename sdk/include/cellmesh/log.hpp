// SPDX-License-Identifier: MIT
#ifndef CELLMESH_LOG_HPP
#define CELLMESH_LOG_HPP

#include <string>
#include <string_view>
#include <type_traits>

#include "abi/log.h"
#include "format.hpp"

namespace cellmesh {

// The service's log: `log().info("{} joined {}", name, room)`. Lines carry the service's id, plugin and version by
// themselves. A level that is switched off costs one question to the host and formats nothing. What it is a view of
// lives as long as the service; [any thread]. Since 1.0.
class Log {
 public:
  Log(const cm_host* host, const cm_host_log* log) : host_(host), log_(log) {}

  template <typename... Args>
  void trace(FormatString<std::type_identity_t<Args>...> text, const Args&... args) const {
    line<Args...>(CM_LOG_TRACE, text, args...);
  }
  template <typename... Args>
  void debug(FormatString<std::type_identity_t<Args>...> text, const Args&... args) const {
    line<Args...>(CM_LOG_DEBUG, text, args...);
  }
  template <typename... Args>
  void info(FormatString<std::type_identity_t<Args>...> text, const Args&... args) const {
    line<Args...>(CM_LOG_INFO, text, args...);
  }
  template <typename... Args>
  void warn(FormatString<std::type_identity_t<Args>...> text, const Args&... args) const {
    line<Args...>(CM_LOG_WARN, text, args...);
  }
  template <typename... Args>
  void error(FormatString<std::type_identity_t<Args>...> text, const Args&... args) const {
    line<Args...>(CM_LOG_ERROR, text, args...);
  }

  // Writes a text that is ready made, as it is.
  void write(cm_log_level level, std::string_view text) const {
    if (log_ != nullptr) log_->write(host_, level, text.data(), text.size());
  }

  // Whether a line of this level (CM_LOG_DEBUG ...) would be written: ask before gathering an expensive one.
  [[nodiscard]] bool enabled(cm_log_level level) const { return log_ != nullptr && log_->enabled(host_, level) != 0; }

 private:
  template <typename... Args>
  void line(cm_log_level level, FormatString<std::type_identity_t<Args>...> text, const Args&... args) const {
    if (enabled(level)) write(level, format<Args...>(text, args...));
  }

  const cm_host* host_;
  const cm_host_log* log_;
};

}  // namespace cellmesh

#endif
