#include "admin/socket_dir.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace cm::admin {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSuffix = ".sock";

std::string reason(int error) { return std::generic_category().message(error); }

// The process that a `<pid>.sock` belongs to is gone. Asked besides connecting, because a host that starts has bound
// its socket a moment before it listens.
bool owner_is_gone(const fs::path& socket) {
  const std::string stem = socket.stem().string();
  pid_t pid = 0;
  const auto [end, ec] = std::from_chars(stem.data(), stem.data() + stem.size(), pid);
  if (ec != std::errc() || end != stem.data() + stem.size() || pid <= 0) return false;
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

}  // namespace

std::vector<std::string> socket_dirs() {
  std::vector<std::string> dirs;
  std::error_code ec;
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR");
      runtime != nullptr && *runtime == '/' && fs::is_directory(runtime, ec)) {
    dirs.push_back((fs::path(runtime) / "cellmesh").string());
  }
  dirs.push_back("/tmp/cellmesh-" + std::to_string(::geteuid()));
  return dirs;
}

std::string default_socket_path() {
  return socket_dirs().front() + "/" + std::to_string(::getpid()) + std::string(kSuffix);
}

base::Status make_private_dir(const std::string& dir) {
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return base::error("cannot make the directory " + dir + " for the admin socket: " + reason(errno) +
                       "; choose another place with --admin-socket");
  }
  struct stat info {};
  if (::lstat(dir.c_str(), &info) != 0) {
    return base::error("cannot look at " + dir + ": " + reason(errno) + "; choose another place with --admin-socket");
  }
  if (!S_ISDIR(info.st_mode)) {
    return base::error(dir + " is no directory; remove it, or choose another place with --admin-socket");
  }
  if (info.st_uid != ::geteuid()) {
    return base::error(dir + " belongs to user " + std::to_string(info.st_uid) +
                       ", who could take the admin socket over; choose another place with --admin-socket");
  }
  if ((info.st_mode & 077U) != 0) {
    return base::error(dir + " is open to other users; close it with chmod 700 " + dir);
  }
  return {};
}

base::Status check_socket_path(const std::string& path) {
  constexpr std::size_t kMost = sizeof(sockaddr_un{}.sun_path) - 1;
  if (path.empty()) return base::error("the path of the admin socket is empty; give --admin-socket PATH");
  if (path.size() > kMost) {
    return base::error("the path of the admin socket has " + std::to_string(path.size()) + " bytes and may have " +
                       std::to_string(kMost) + "; choose a shorter one with --admin-socket");
  }
  return {};
}

Probe probe_socket(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return errno == EACCES ? Probe::forbidden : Probe::absent;
  if (!S_ISSOCK(info.st_mode)) return Probe::not_a_socket;
  if (check_socket_path(path).has_error()) return Probe::dead;
  // Not blocking: a host whose backlog is full does listen.
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Probe::forbidden;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int rc = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = rc == 0 ? 0 : errno;
  ::close(fd);
  if (error == 0 || error == EAGAIN) return Probe::listening;
  if (error == ENOENT) return Probe::absent;
  return error == ECONNREFUSED ? Probe::dead : Probe::forbidden;
}

std::vector<std::string> live_sockets(const std::vector<std::string>& dirs) {
  std::vector<std::string> live;
  for (const std::string& dir : dirs) {
    std::error_code ec;
    for (fs::directory_iterator it(dir, ec), end; !ec && it != end; it.increment(ec)) {
      const fs::path& path = it->path();
      if (path.extension() != kSuffix) continue;
      const Probe found = probe_socket(path.string());
      if (found == Probe::listening) live.push_back(path.string());
      if (found == Probe::dead && owner_is_gone(path)) ::unlink(path.c_str());
    }
  }
  std::sort(live.begin(), live.end());
  return live;
}

}  // namespace cm::admin
