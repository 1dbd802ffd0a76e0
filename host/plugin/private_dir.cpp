#include "plugin/private_dir.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/log.hpp"

namespace cm::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "cellmesh-";
constexpr std::string_view kRandom = "-XXXXXX";
constexpr int kTries = 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// `cellmesh-<pid>-<random>`
bool is_name_of_one(std::string_view name) {
  if (!name.starts_with(kPrefix) || name.size() <= kPrefix.size() + kRandom.size()) return false;
  const auto pid = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kRandom.size());
  return name[name.size() - kRandom.size()] == '-' && std::all_of(pid.begin(), pid.end(), is_digit);
}

// Opens the directory itself, whatever a link would lead to; -1 when there is none of this user's.
int open_own(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat info {};
  if (fd >= 0 && ::fstat(fd, &info) == 0 && info.st_uid == ::geteuid()) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

void clear_abandoned(const fs::path& temp) {
  std::error_code ec;
  for (fs::directory_iterator it(temp, fs::directory_options::skip_permission_denied, ec), end; !ec && it != end;
       it.increment(ec)) {
    if (!is_name_of_one(it->path().filename().string())) continue;
    const int fd = open_own(it->path());
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
      std::error_code ignored;
      fs::remove_all(it->path(), ignored);
      base::log(base::Room::plugin).info("removed what a host that died had left folder={}", it->path().string());
    }
    ::close(fd);
  }
}

}  // namespace

base::Result<PrivateDir> PrivateDir::make() {
  std::error_code ec;
  fs::path temp = fs::temp_directory_path(ec);
  if (ec) return base::error("there is no directory for temporary files: " + ec.message() + "; set TMPDIR to one");
  const auto failed = [&] {
    return base::error("cannot make a directory in " + temp.string() + ": " + std::strerror(errno) +
                       "; set TMPDIR to one that can be written to");
  };
  if (auto real = fs::canonical(temp, ec); !ec) temp = std::move(real);
  clear_abandoned(temp);
  for (int i = 0; i < kTries; ++i) {
    std::string path = (temp / (std::string(kPrefix) + std::to_string(::getpid()) + std::string(kRandom))).string();
    if (::mkdtemp(path.data()) == nullptr) return failed();
    // Until it is locked, another process may take it for abandoned.
    const int fd = open_own(path);
    if (fd < 0 && errno == ENOENT) continue;
    if (fd < 0) return failed();
    PrivateDir made(path, fd);
    // Where there are no locks, nobody gets one to take it for abandoned.
    while (::flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    if (fs::is_directory(path, ec)) return made;
  }
  errno = EBUSY;
  return failed();
}

base::Status PrivateDir::restore() {
  struct stat there {};
  struct stat locked {};
  for (int i = 0; i < kTries; ++i) {
    if (::lstat(path_.c_str(), &there) == 0 && ::fstat(lock_, &locked) == 0 && there.st_dev == locked.st_dev &&
        there.st_ino == locked.st_ino) {
      if (i > 0)
        base::log(base::Room::plugin)
            .warn("somebody removed a host's private folder; it is made again folder={}", path_.string());
      return {};
    }
    if (::mkdir(path_.c_str(), S_IRWXU) != 0 && errno != EEXIST) break;
    const int fd = open_own(path_);
    if (fd < 0) break;
    while (::flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    ::close(std::exchange(lock_, fd));
  }
  return base::error("somebody removed the private folder " + path_.string() +
                     " of this host, and it cannot be made again: " + std::strerror(errno) +
                     "; keep cleaners of temporary files away from it, or set TMPDIR to another");
}

PrivateDir::PrivateDir(PrivateDir&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

PrivateDir::~PrivateDir() {
  if (lock_ < 0) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  ::close(lock_);
}

}  // namespace cm::plugin
