#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/line_file.hpp"
#include "base/log_output.hpp"

namespace cm::base {

// Records that must not get lost, such as those of money: a file of its own, or the log at any level. A record that the
// file does not take goes to the log, then to standard error, and is kept in memory (4 MiB) when neither takes it; each
// change is told as an error in the log. Owned by the loggers, lives as long as the process. [any thread]
class AuditStream {
 public:
  explicit AuditStream(LogOutput& log) : log_(log) {}

  // Writes there from now on. Main thread, once, at start.
  void use(LineFile file);
  // `record` is one line without its end, `audit uid=...`.
  void write(std::string_view record);
  void reopen();
  // Writes what is kept in memory, when something takes it by now.
  void retry();

 private:
  bool write_anywhere(const std::string& record);
  bool write_to_file(const std::string& record);
  bool write_to_log(const std::string& record);
  bool drain();
  void open_again();
  void file_fails();
  void file_works();
  void tell(spdlog::level::level_enum level, const std::string& text);

  LogOutput& log_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::optional<LineFile> file_;
  LineFile standard_error_ = LineFile::standard_error();
  std::deque<std::string> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t elsewhere_ = 0;  // records that went to the log
  std::uint64_t lost_ = 0;
  bool failing_ = false;
  bool reopen_again_ = false;
};

}  // namespace cm::base
