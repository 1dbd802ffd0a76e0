#pragma once

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>

#include "base/log.hpp"
#include "support/seen.hpp"

namespace cm::test {

// A copy of what a room logs. Made before the threads that log in it start, gone after they ended.
class CapturedLog {
 public:
  explicit CapturedLog(base::Room room) : sink_(std::make_shared<Sink>()), logger_(base::log_backend(room)) {
    logger_.sinks().push_back(sink_);
  }
  ~CapturedLog() { std::erase(logger_.sinks(), std::static_pointer_cast<spdlog::sinks::sink>(sink_)); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  // Waits for a line of that level or above with the text in it.
  bool wait_for(const std::string& text, spdlog::level::level_enum level = spdlog::level::warn) {
    return sink_->lines.wait_for([&](const Line& l) { return matches(l, text, level); }).has_value();
  }
  [[nodiscard]] std::size_t count(const std::string& text,
                                  spdlog::level::level_enum level = spdlog::level::warn) const {
    const auto all = sink_->lines.all();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const Line& l) { return matches(l, text, level); }));
  }

 private:
  struct Line {
    spdlog::level::level_enum level = spdlog::level::off;
    std::string text;
  };
  struct Sink : spdlog::sinks::base_sink<std::mutex> {
    Seen<Line> lines;
    void sink_it_(const spdlog::details::log_msg& message) override {
      lines.push({message.level, std::string(message.payload.begin(), message.payload.end())});
    }
    void flush_() override {}
  };
  static bool matches(const Line& line, const std::string& text, spdlog::level::level_enum level) {
    return line.level >= level && line.text.find(text) != std::string::npos;
  }

  std::shared_ptr<Sink> sink_;
  spdlog::logger& logger_;
};

}  // namespace cm::test
