#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include <spdlog/sinks/base_sink.h>

#include "base/line_file.hpp"

namespace cm::base {

// The sink of log lines: standard error or a file. Keeps lines that cannot be written now up to a limit, counts the
// rest, and reports both once it can write again. Owned by the loggers, lives as long as the process. [any thread]
class LogOutput : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LogOutput();

  // Logs there from now on. Main thread, once, at start.
  void use(LineFile file);
  // For log rotation: opens the path again. On failure says so and tries again at retry().
  void reopen();
  // Writes what is kept, when it can be written by now.
  void retry();
  // Writes this line alone, or returns false: nothing of it is kept then.
  bool write_now(const spdlog::details::log_msg& message);
  // False: standard error. Constant after start.
  [[nodiscard]] bool is_file() const { return !file_.path().empty(); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] std::string line_of(const spdlog::details::log_msg& message);
  void open_again();
  void put(std::string line);
  bool drain();
  void fails();
  void tell_of_loss();
  void say(LineFile& file, spdlog::level::level_enum level, const std::string& text);

  LineFile file_;
  std::deque<std::string> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t lost_ = 0;
  bool failing_ = false;
  Clock::time_point failing_since_;
  bool reopen_again_ = false;
};

}  // namespace cm::base
