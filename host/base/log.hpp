#pragma once

#include <array>
#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "base/result.hpp"

namespace cm::base {

// A log line is `<utc time> <level> <room> <text> key=value ...`; each room has a level of its own that may change
// while running.
enum class Room { base, net, routing, discovery, session, plugin, mesh, admin, gateway, cli, service };
inline constexpr std::array<std::string_view, 11> kRoomNames{
    "base", "net", "routing", "discovery", "session", "plugin", "mesh", "admin", "gateway", "cli", "service"};

// The room's logger. Never null, usable before init_log(). [any thread]
spdlog::logger& log(Room room);

// Opens the sink (stderr; a file when `path` is not empty) with a level for every room. Main thread, once, at start.
Status init_log(std::string_view default_level, const std::string& path);

// "info", or "session=debug" , comma separated: "info,mesh=trace". Unknown words are refused and nothing changes.
// [any thread]
Status set_log_levels(std::string_view spec);

// A value for `key={}`: quoted and escaped when it holds spaces, quotes, control characters or what is no UTF-8. What
// comes from a peer must go through this.
std::string log_value(std::string_view value);

}  // namespace cm::base
