#include "base/line_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

namespace cm::base {
namespace {

// Bytes that a pipe takes without blocking when poll() reports room.
constexpr std::size_t kPipeChunk = 4096;
// A reader that is merely busy gets this once, until it reads again.
constexpr int kPatienceMs = 50;

int open_for_append(const std::string& path, unsigned permissions) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, permissions);
}

}  // namespace

Result<LineFile> LineFile::append_to(std::string path, unsigned permissions) {
  const int fd = open_for_append(path, permissions);
  if (fd < 0) return error(std::strerror(errno));
  return LineFile(fd, std::move(path), permissions);
}

LineFile LineFile::standard_error() { return {STDERR_FILENO, {}, 0}; }

LineFile::LineFile(int fd, std::string path, unsigned permissions)
    : fd_(fd), path_(std::move(path)), permissions_(permissions) {
  struct stat what {};
  waits_ = ::fstat(fd_, &what) == 0 && !S_ISREG(what.st_mode);
  socket_ = waits_ && S_ISSOCK(what.st_mode);
  terminal_ = ::isatty(fd_) == 1;
}

LineFile::LineFile(LineFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      permissions_(other.permissions_),
      waits_(other.waits_),
      socket_(other.socket_),
      terminal_(other.terminal_),
      stuck_(other.stuck_),
      begun_(std::move(other.begun_)),
      done_(other.done_),
      reason_(std::move(other.reason_)) {}

LineFile& LineFile::operator=(LineFile&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::exchange(other.fd_, -1);
  path_ = std::move(other.path_);
  permissions_ = other.permissions_;
  waits_ = other.waits_;
  socket_ = other.socket_;
  terminal_ = other.terminal_;
  stuck_ = other.stuck_;
  begun_ = std::move(other.begun_);
  done_ = other.done_;
  reason_ = std::move(other.reason_);
  return *this;
}

LineFile::~LineFile() { close(); }

void LineFile::close() {
  if (fd_ >= 0 && !path_.empty()) ::close(fd_);
}

LineFile::Put LineFile::put(std::string_view line) {
  if (!finish()) return Put::refused;
  const std::size_t done = write_some(line);
  if (done == line.size()) return Put::written;
  if (done == 0) return Put::refused;
  begun_ = line;
  done_ = done;
  return Put::begun;
}

bool LineFile::finish() {
  if (begun_.empty()) return true;
  done_ += write_some(std::string_view(begun_).substr(done_));
  if (done_ < begun_.size()) return false;
  begun_.clear();
  done_ = 0;
  return true;
}

Status LineFile::reopen() {
  if (path_.empty()) return {};
  const int fd = open_for_append(path_, permissions_);
  if (fd < 0) return error(std::strerror(errno));
  struct stat before {};
  struct stat now {};
  const bool same = ::fstat(fd_, &before) == 0 && ::fstat(fd, &now) == 0 && before.st_dev == now.st_dev &&
                    before.st_ino == now.st_ino;
  if (same) {
    ::close(fd);
    return {};
  }
  LineFile fresh(fd, path_, permissions_);
  fresh.begun_ = std::move(begun_);  // whole in the new file
  *this = std::move(fresh);
  return {};
}

bool LineFile::await_room() {
  pollfd room{fd_, POLLOUT, 0};
  int ready = 0;
  do {
    ready = ::poll(&room, 1, stuck_ ? 0 : kPatienceMs);
  } while (ready < 0 && errno == EINTR);
  stuck_ = ready <= 0;
  if (stuck_) reason_ = "its reader does not read";
  return !stuck_;
}

std::size_t LineFile::write_some(std::string_view bytes) {
  const std::size_t most = waits_ ? kPipeChunk : std::numeric_limits<std::size_t>::max();
  std::size_t done = 0;
  while (done < bytes.size()) {
    if (waits_ && !await_room()) break;
    const std::string_view part = bytes.substr(done, most);
    const ssize_t n = socket_ ? ::send(fd_, part.data(), part.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                              : ::write(fd_, part.data(), part.size());
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      reason_ = n == 0 ? "nothing was written" : std::strerror(errno);
      break;
    }
  }
  return done;
}

}  // namespace cm::base
