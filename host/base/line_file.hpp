#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace cm::base {

// A file, or standard error, that takes whole lines. A line goes out in one write where the kernel takes it whole, so
// lines of several processes do not mix in a file. Never throws and never waits long: what cannot be written now (a
// full disk, a reader that does not read or is gone) is refused with a reason. A line that was begun is finished first.
// Not thread-safe: its owner locks.
class LineFile {
 public:
  enum class Put { written, begun, refused };

  // Opens `path` for appending and creates it with these permissions. The error is the reason alone.
  static Result<LineFile> append_to(std::string path, unsigned permissions);
  static LineFile standard_error();
  LineFile(LineFile&& other) noexcept;
  LineFile& operator=(LineFile&& other) noexcept;
  ~LineFile();

  // `line` ends with a newline. After `begun` the rest of it is kept and written before anything else.
  Put put(std::string_view line);
  // Finishes the line that was begun. Returns false while it cannot.
  bool finish();
  // Opens the path again, for a file that was renamed or removed. On failure the old file stays in use.
  Status reopen();

  // Why the last put or finish did not write everything.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] const std::string& path() const { return path_; }  // empty for standard error
  [[nodiscard]] bool terminal() const { return terminal_; }

 private:
  LineFile(int fd, std::string path, unsigned permissions);
  // Returns how many bytes were written.
  std::size_t write_some(std::string_view bytes);
  bool await_room();
  void close();

  int fd_;
  std::string path_;
  unsigned permissions_ = 0;
  bool waits_ = false;  // a pipe, socket or terminal, whose reader may be slow
  bool socket_ = false;
  bool terminal_ = false;
  bool stuck_ = false;  // the reader was slow before: do not wait for it again
  std::string begun_;   // the line that is partly written
  std::size_t done_ = 0;
  std::string reason_;
};

}  // namespace cm::base
