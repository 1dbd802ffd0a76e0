#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>

#include <spdlog/common.h>
#include <spdlog/fmt/fmt.h>

#include "base/log_limit.hpp"
#include "base/result.hpp"

namespace spdlog {
class logger;
}

namespace cm::base {

// A log line is `<utc time> <level> <room> <text> key=value ...`; each room has a level of its own that may change
// while running.
enum class Room { base, net, routing, discovery, session, plugin, mesh, admin, gateway, cli, service };
inline constexpr std::array<std::string_view, 11> kRoomNames{
    "base", "net", "routing", "discovery", "session", "plugin", "mesh", "admin", "gateway", "cli", "service"};

// A format string and the place where it stands; made from a string literal by itself.
template <class... Args>
struct LogFormat {
  template <class T>
  requires std::convertible_to<const T&, std::string_view>
  consteval LogFormat(const T& text, std::source_location at = std::source_location::current())
      : format(text), where(at) {}

  fmt::format_string<Args...> format;
  std::source_location where;
};

// Writes lines of one room. Lines are limited by their place in the source code, which is the same for every caller:
// nothing that a peer, a client or an operator repeats can flood the log, and nobody has to remember that. Each place
// may write 200 lines at once and one every two seconds after; the next line, or one a few seconds later, says how
// many were left out. Levels debug and trace are off by default and are not limited. [any thread]
class Logger {
 public:
  using Level = spdlog::level::level_enum;

  explicit Logger(Room room, std::size_t subject = 0, LogLimit limit = {})
      : room_(room), subject_(subject), limit_(limit) {}

  template <class... Args>
  void trace(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) const {
    write(spdlog::level::trace, text.where, text.format, fmt::make_format_args(args...));
  }
  template <class... Args>
  void debug(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) const {
    write(spdlog::level::debug, text.where, text.format, fmt::make_format_args(args...));
  }
  template <class... Args>
  void info(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) const {
    write(spdlog::level::info, text.where, text.format, fmt::make_format_args(args...));
  }
  template <class... Args>
  void warn(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) const {
    write(spdlog::level::warn, text.where, text.format, fmt::make_format_args(args...));
  }
  template <class... Args>
  void error(LogFormat<std::type_identity_t<Args>...> text, Args&&... args) const {
    write(spdlog::level::err, text.where, text.format, fmt::make_format_args(args...));
  }
  template <class... Args>
  void log(Level level, LogFormat<std::type_identity_t<Args>...> text, Args&&... args) const {
    write(level, text.where, text.format, fmt::make_format_args(args...));
  }

  // A text that is ready made, of a place that is not the caller's own.
  void line(Level level, std::string_view text, const std::source_location& where) const;

  [[nodiscard]] bool should_log(Level level) const;
  [[nodiscard]] Level level() const;

 private:
  void write(Level level, const std::source_location& where, fmt::string_view text, fmt::format_args args) const;

  Room room_;
  std::size_t subject_;
  LogLimit limit_;
};

// The room's logger, usable before init_log(). [any thread]
inline Logger log(Room room) { return Logger(room); }
// The same, for a place that speaks for several subjects, such as services: each has a limit of its own.
Logger log(Room room, std::string_view subject, LogLimit limit = {});

// Returns the logger that a room writes to, for tests that listen in. [main thread, before others log]
spdlog::logger& log_backend(Room room);

// Opens the sink (stderr; a file when `path` is not empty) with a level for every room. Main thread, once, at start.
Status init_log(std::string_view default_level, const std::string& path);

// Sends records to the audit stream: a file of its own, or the log when `path` is empty. Main thread, once, at start,
// after init_log().
Status init_audit(const std::string& path);

// Writes one record, `audit uid=ann what=price amount=-100 ...`, whatever the log levels are. Records are neither
// limited nor left out: where the file cannot be written they go to the log, or else to standard error, and are kept in
// memory when nothing takes them. The caller escapes values, see log_value(). [any thread]
void audit(std::string_view record);

// For log rotation: opens the files of log and audit again. [any thread]
void reopen_logs();

// Tells of lines that were left out, and tries again what could not be written. Called every few seconds by a host;
// `all`: at its end, also of what is not quiet yet. [any thread]
void look_after_logs(bool all = false);

// "info", or "session=debug" , comma separated: "info,mesh=trace". Unknown words are refused and nothing changes.
// [any thread]
Status set_log_levels(std::string_view spec);

// A value for `key={}`: quoted and escaped when it holds spaces, quotes, control characters or what is no UTF-8. What
// comes from a peer must go through this.
std::string log_value(std::string_view value);

}  // namespace cm::base
