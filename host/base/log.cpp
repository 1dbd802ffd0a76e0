#include "base/log.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <spdlog/logger.h>

#include "base/audit_stream.hpp"
#include "base/log_limits.hpp"
#include "base/log_output.hpp"
#include "base/utf8.hpp"

namespace cm::base {
namespace {

constexpr std::size_t kMaxLine = std::size_t{16} * 1024;
constexpr auto kQuiet = std::chrono::seconds(5);
constexpr unsigned kLogPermissions = 0666;    // less the umask
constexpr unsigned kAuditPermissions = 0640;  // it names players and their money

struct Logging {
  std::array<std::shared_ptr<spdlog::logger>, kRoomNames.size()> rooms;
  std::shared_ptr<LogOutput> output = std::make_shared<LogOutput>();
  LogLimits limits;
  AuditStream audit{*output};

  Logging() {
    for (std::size_t i = 0; i < rooms.size(); ++i) {
      rooms[i] = std::make_shared<spdlog::logger>(std::string(kRoomNames[i]), output);
      rooms[i]->set_level(spdlog::level::info);
    }
  }
};

// Never destroyed: threads may log until the process ends.
Logging& logging() {
  static auto* all = new Logging;
  return *all;
}

spdlog::logger& backend(Room room) { return *logging().rooms[static_cast<std::size_t>(room)]; }

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

// Keeps a line from looking like two, and from reaching the terminal behind it: further lines of it are indented.
std::string plain(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      out += text.substr(i + 1).starts_with("  ") ? "\n" : "\n  ";
    } else {
      out += (c < 0x20 && c != '\t') || c == 0x7f ? '?' : text[i];
    }
  }
  return out;
}

}  // namespace

Logger log(Room room, std::string_view subject, LogLimit limit) {
  return Logger(room, std::hash<std::string_view>()(subject) | 1U, limit);
}

spdlog::logger& log_backend(Room room) { return backend(room); }

bool Logger::should_log(Level level) const { return backend(room_).should_log(level); }

Logger::Level Logger::level() const { return backend(room_).level(); }

void Logger::write(Level level, const std::source_location& where, fmt::string_view text, fmt::format_args args) const {
  auto& out = backend(room_);
  if (!out.should_log(level)) return;
  const LogLimits::Cause cause{where.file_name(), where.line(), subject_};
  LogLimits::Verdict verdict;
  if (level >= spdlog::level::info) verdict = logging().limits.take(cause, limit_, LogLimits::Clock::now());
  if (!verdict.write) return;
  std::string line;
  try {
    line = fmt::vformat(text, args);
  } catch (const std::exception& e) {
    line = "a line that cannot be formatted: " + std::string(e.what());
  }
  if (line.size() > kMaxLine) line.replace(kMaxLine, std::string::npos, "...");
  line = plain(line);
  if (level >= spdlog::level::info) {
    logging().limits.written(cause, static_cast<std::size_t>(room_), static_cast<int>(level), line);
  }
  if (verdict.left_out > 0) line += " left_out=" + std::to_string(verdict.left_out);
  out.log(level, spdlog::string_view_t(line.data(), line.size()));
}

void Logger::line(Level level, std::string_view text, const std::source_location& where) const {
  write(level, where, "{}", fmt::make_format_args(text));
}

Status init_log(std::string_view default_level, const std::string& path) {
  if (!path.empty()) {
    auto file = LineFile::append_to(path, kLogPermissions);
    if (!file) {
      return error("cannot open the log file " + path + ": " + file.error().text + "; choose another with --log-file");
    }
    logging().output->use(std::move(*file));
  }
  return set_log_levels(default_level);
}

Status init_audit(const std::string& path) {
  if (path.empty()) return {};
  auto file = LineFile::append_to(path, kAuditPermissions);
  if (!file) {
    return error("cannot open the audit file " + path + ": " + file.error().text +
                 "; choose another with --audit-file");
  }
  logging().audit.use(std::move(*file));
  return {};
}

void audit(std::string_view record) { logging().audit.write(record); }

void reopen_logs() {
  logging().output->reopen();
  logging().audit.reopen();
}

void look_after_logs(bool all) {
  logging().output->retry();
  logging().audit.retry();
  const auto left_out =
      logging().limits.take_left_out(LogLimits::Clock::now(), all ? LogLimits::Clock::duration::zero() : kQuiet);
  for (const auto& cause : left_out) {
    backend(static_cast<Room>(cause.room))
        .log(static_cast<spdlog::level::level_enum>(cause.level), "left out {} more lines such as: {}", cause.lines,
             cause.like);
  }
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
    if (levels[i]) logging().rooms[i]->set_level(*levels[i]);
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
