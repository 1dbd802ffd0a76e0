#include "base/log_output.hpp"

#include <memory>
#include <utility>

#include <spdlog/pattern_formatter.h>

namespace cm::base {
namespace {

constexpr std::size_t kMaxKept = std::size_t{64} * 1024;

std::string_view colour(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::err:
    case spdlog::level::critical:
      return "\033[31m\033[1m";
    case spdlog::level::warn:
      return "\033[33m\033[1m";
    case spdlog::level::info:
      return "\033[32m";
    default:
      return "\033[36m";
  }
}

}  // namespace

LogOutput::LogOutput() : file_(LineFile::standard_error()) {
  set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%fZ %^%l%$ %n %v",
                                                            spdlog::pattern_time_type::utc));
}

void LogOutput::use(LineFile file) {
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
}

void LogOutput::reopen() {
  const std::lock_guard lock(mutex_);
  open_again();
}

void LogOutput::retry() {
  const std::lock_guard lock(mutex_);
  if (reopen_again_) open_again();
  (void)drain();
}

void LogOutput::open_again() {
  const auto status = file_.reopen();
  if (!status && !reopen_again_) {
    put(line_of({"base", spdlog::level::err,
                 "cannot reopen the log file " + file_.path() + ": " + status.error().text +
                     "; the old one stays in use and it is tried again"}));
  }
  reopen_again_ = !status;
  (void)drain();
}

bool LogOutput::write_now(const spdlog::details::log_msg& message) {
  const std::lock_guard lock(mutex_);
  if (!drain()) return false;
  const std::string line = line_of(message);
  switch (file_.put(line)) {
    case LineFile::Put::written:
      return true;
    case LineFile::Put::begun:  // the file keeps the rest
      fails();
      return true;
    case LineFile::Put::refused:
      fails();
      return false;
  }
  return false;
}

void LogOutput::sink_it_(const spdlog::details::log_msg& message) { put(line_of(message)); }

std::string LogOutput::line_of(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t buffer;
  formatter_->format(message, buffer);
  std::string line(buffer.data(), buffer.size());
  if (file_.terminal() && message.color_range_end > message.color_range_start) {
    line.insert(message.color_range_end, "\033[m");
    line.insert(message.color_range_start, colour(message.level));
  }
  return line;
}

void LogOutput::put(std::string line) {
  if (drain()) {
    const auto done = file_.put(line);
    if (done == LineFile::Put::written) return;
    fails();
    if (done == LineFile::Put::begun) return;
  }
  if (kept_bytes_ + line.size() > kMaxKept) {
    ++lost_;
    return;
  }
  kept_bytes_ += line.size();
  kept_.push_back(std::move(line));
}

// Returns true when nothing waits to be written any more.
bool LogOutput::drain() {
  if (!failing_) return true;
  if (!file_.finish()) return false;
  while (!kept_.empty()) {
    const auto done = file_.put(kept_.front());
    if (done == LineFile::Put::refused) return false;
    kept_bytes_ -= kept_.front().size();
    kept_.pop_front();
    if (done == LineFile::Put::begun) return false;
  }
  failing_ = false;
  if (lost_ > 0) tell_of_loss();
  return !failing_;
}

void LogOutput::fails() {
  if (std::exchange(failing_, true)) return;
  failing_since_ = Clock::now();
  if (file_.path().empty()) return;
  auto standard_error = LineFile::standard_error();
  say(standard_error, spdlog::level::err,
      "cannot write the log file " + file_.path() + ": " + file_.reason() +
          "; lines are kept up to a limit, then counted, until it can be written again");
}

void LogOutput::tell_of_loss() {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - failing_since_).count();
  say(file_, spdlog::level::warn,
      "the log could not be written for " + std::to_string(seconds) + " s (" + file_.reason() +
          "): lines_lost=" + std::to_string(lost_));
}

void LogOutput::say(LineFile& file, spdlog::level::level_enum level, const std::string& text) {
  const auto done = file.put(line_of({"base", level, text}));
  if (&file != &file_) return;
  if (done == LineFile::Put::refused) {
    failing_ = true;  // said later
  } else {
    lost_ = 0;
    failing_ = done == LineFile::Put::begun;
  }
}

}  // namespace cm::base
