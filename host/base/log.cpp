#include "base/log.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/utf8.hpp"

namespace cm::base {
namespace {

std::unique_ptr<spdlog::formatter> formatter() {
  return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%fZ %^%l%$ %n %v",
                                                     spdlog::pattern_time_type::utc);
}

struct Loggers {
  std::array<std::shared_ptr<spdlog::logger>, kRoomNames.size()> rooms;
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sink = std::make_shared<spdlog::sinks::dist_sink_mt>();

  Loggers() {
    sink->add_sink(std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    for (std::size_t i = 0; i < rooms.size(); ++i) {
      rooms[i] = std::make_shared<spdlog::logger>(std::string(kRoomNames[i]), sink);
      rooms[i]->set_level(spdlog::level::info);
      rooms[i]->flush_on(spdlog::level::info);
    }
    sink->set_formatter(formatter());
  }
};

// Never destroyed: threads may log until the process ends.
Loggers& loggers() {
  static auto* all = new Loggers;
  return *all;
}

std::optional<spdlog::level::level_enum> level_of(std::string_view word) {
  using namespace spdlog::level;
  static constexpr std::array<std::pair<std::string_view, level_enum>, 8> kLevels{{{"trace", trace},
                                                                                   {"debug", debug},
                                                                                   {"info", info},
                                                                                   {"warn", warn},
                                                                                   {"warning", warn},
                                                                                   {"error", err},
                                                                                   {"critical", critical},
                                                                                   {"off", off}}};
  const auto* it = std::find_if(kLevels.begin(), kLevels.end(), [&](const auto& l) { return l.first == word; });
  if (it == kLevels.end()) return std::nullopt;
  return it->second;
}

}  // namespace

spdlog::logger& log(Room room) { return *loggers().rooms[static_cast<std::size_t>(room)]; }

Status init_log(std::string_view default_level, const std::string& path) {
  if (!path.empty()) {
    try {
      auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
      file->set_formatter(formatter());
      loggers().sink->set_sinks({file});
    } catch (const spdlog::spdlog_ex& e) {
      return error("cannot open the log file " + path + ": " + e.what() + "; choose another with --log-file");
    }
  }
  return set_log_levels(default_level);
}

Status set_log_levels(std::string_view spec) {
  std::array<std::optional<spdlog::level::level_enum>, kRoomNames.size()> levels;
  while (!spec.empty()) {
    const std::string_view part = spec.substr(0, spec.find(','));
    spec.remove_prefix(std::min(spec.size(), part.size() + 1));
    const auto equal = part.find('=');
    const auto level = level_of(equal == std::string_view::npos ? part : part.substr(equal + 1));
    if (!level) {
      return error("\"" + std::string(part) +
                   "\" is no log level; use trace, debug, info, warn, error or off, or room=level");
    }
    if (equal == std::string_view::npos) {
      levels.fill(level);
      continue;
    }
    const auto* room = std::find(kRoomNames.begin(), kRoomNames.end(), part.substr(0, equal));
    if (room == kRoomNames.end()) {
      std::string rooms;
      for (const auto name : kRoomNames) rooms.append(rooms.empty() ? "" : ", ").append(name);
      return error("there is no room \"" + std::string(part.substr(0, equal)) + "\" to log; there are: " + rooms);
    }
    levels[static_cast<std::size_t>(room - kRoomNames.begin())] = level;
  }
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (levels[i]) loggers().rooms[i]->set_level(*levels[i]);
  }
  return {};
}

std::string log_value(std::string_view value) {
  static constexpr std::size_t kMost = 512;
  const bool plain = !value.empty() && value.size() <= kMost && std::all_of(value.begin(), value.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
  });
  if (plain) return std::string(value);
  std::string out = "\"";
  for (std::string_view left = value.substr(0, kMost); !left.empty();) {
    const auto first = static_cast<unsigned char>(left.front());
    const std::size_t size = utf8_size(left);
    if (first == '"' || first == '\\') {
      out.append(1, '\\').append(1, left.front());
    } else if (first < 0x20 || first == 0x7f || size == 0) {
      std::array<char, 8> hex{};
      std::snprintf(hex.data(), hex.size(), "\\x%02x", first);
      out += hex.data();
    } else {
      out += left.substr(0, size);
    }
    left.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out + (value.size() > kMost ? "...\"" : "\"");
}

}  // namespace cm::base
