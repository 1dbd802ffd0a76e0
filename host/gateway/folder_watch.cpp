#include "gateway/folder_watch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/log.hpp"
#include "plugin/elf_file.hpp"

namespace cm::gateway {
namespace {

using std::chrono::milliseconds;

auto logger() { return base::log(base::Room::gateway); }

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// game.so, librules.so, librules.so.1.2
bool is_library(std::string_view name) {
  const auto at = name.rfind(".so");
  if (name.front() == '.' || at == std::string_view::npos || at == 0) return false;
  name.remove_prefix(at + 3);
  return name.empty() || (name.front() == '.' && name.find_first_not_of(".0123456789") == std::string_view::npos);
}

// Returns true if somebody has the file open for writing, as a linker does that has not finished. A lease is refused
// then; where there are no leases (NFS, another user's file) nothing is known, and false is returned.
bool is_being_written(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  // Who opens it meanwhile waits for the close below, and this process gets a signal: one that is ignored by default.
  (void)::fcntl(fd, F_SETSIG, SIGURG);
  const bool written = ::fcntl(fd, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
  ::close(fd);
  return written;
}

}  // namespace

FolderWatch::FolderWatch(std::filesystem::path folder, Callbacks callbacks, Timing timing)
    : folder_(std::move(folder)), callbacks_(std::move(callbacks)), timing_(timing) {}

FolderWatch::~FolderWatch() { stop(); }

void FolderWatch::start() {
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  (void)scan(true);
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "folder");
}

void FolderWatch::stop() {
  stopping_ = true;
  const std::uint64_t one = 1;
  if (wake_ >= 0) (void)!::write(wake_, &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  for (int* fd : {&wake_, &inotify_}) {
    if (*fd >= 0) ::close(std::exchange(*fd, -1));
  }
}

void FolderWatch::run() {
  milliseconds pause{0};
  while (!stopping_) {
    wait(pause);
    if (!stopping_) pause = scan(false);
  }
}

milliseconds FolderWatch::scan(bool first) {
  watch_folder();
  std::map<std::string, Stamp> found;
  if (!read_folder(found)) return timing_.scan;
  const auto now = Clock::now();
  for (const auto& [name, stamp] : found) {
    auto [it, added] = files_.try_emplace(name, File{stamp, now});
    File& file = it->second;
    if (!added && file.present && file.stamp == stamp) continue;
    // A file that comes back as it was is told again: it may have been unloaded meanwhile.
    file = File{stamp, now};
    // A file that is not complete at the start is told when it is.
    if (first) file.told = is_complete(name) && !is_being_written(folder_ / name);
  }
  bool unsettled = false;
  for (auto it = files_.begin(); it != files_.end();) {
    auto& [name, file] = *it;
    if (!found.contains(name)) {
      if (file.present) file = File{file.stamp, now, false};
      note_absent(name, file);
    } else if (!file.told) {
      tell_if_settled(name, file);
    }
    unsettled = unsettled || (file.present && !file.told);
    it = !file.present && file.told ? files_.erase(it) : std::next(it);
  }
  return unsettled ? std::min(timing_.settled, timing_.scan) : timing_.scan;
}

bool FolderWatch::read_folder(std::map<std::string, Stamp>& found) {
  DIR* const folder = ::opendir(folder_.c_str());
  // Without a folder its files are absent; any other failure says nothing about them.
  if (folder == nullptr && (errno == ENOENT || errno == ENOTDIR)) return true;
  if (folder == nullptr) {
    if (unreadable_ != errno) {
      unreadable_ = errno;
      logger().warn("cannot read the plugin folder: {}; the loaded plugins stay as they are folder={}",
                    std::strerror(errno), folder_.string());
    }
    return false;
  }
  unreadable_ = 0;
  while (const dirent* entry = ::readdir(folder)) {
    struct stat info {};
    if (!is_library(entry->d_name) || ::fstatat(::dirfd(folder), entry->d_name, &info, 0) != 0) continue;
    if (!S_ISREG(info.st_mode)) continue;
    found[entry->d_name] = {info.st_dev, info.st_ino, info.st_size, nanoseconds(info.st_mtim),
                            nanoseconds(info.st_ctim)};
  }
  ::closedir(folder);
  return true;
}

void FolderWatch::note_absent(const std::string& name, File& file) {
  const std::chrono::seconds limit = absence_;
  if (!std::exchange(file.warned, true)) {
    if (limit.count() == 0) {
      logger().info("a file is gone from the plugin folder; what it holds stays loaded file={}", name);
    } else {
      logger().info(
          "a file is gone from the plugin folder; what it holds is unloaded in {} s unless it comes back file={}",
          limit.count(), name);
    }
  }
  if (limit.count() == 0 || Clock::now() - file.since < limit) return;
  file.told = true;
  logger().warn("a file has been absent from the plugin folder for {} s; what it holds is unloaded file={}",
                limit.count(), name);
  callbacks_.gone(name);
}

void FolderWatch::tell_if_settled(const std::string& name, File& file) {
  const auto age = Clock::now() - file.since;
  if (age < timing_.settled) return;
  const bool long_ago = age >= timing_.incomplete;
  if (is_being_written(folder_ / name)) {
    if (long_ago && !std::exchange(file.warned, true)) {
      logger().warn("a file in the plugin folder is not loaded while another program has it open for writing file={}",
                    name);
    }
    return;
  }
  // One that stays incomplete is told, so that its refusal says what is wrong with it.
  if (!long_ago && !is_complete(name)) return;
  file.told = true;
  callbacks_.changed(name);
}

bool FolderWatch::is_complete(const std::string& name) const {
  return plugin::ElfFile::open(folder_ / name).has_value();
}

// Watches the folder that is at the path now, which may be another than before.
void FolderWatch::watch_folder() {
  struct stat info {};
  if (::stat(folder_.c_str(), &info) != 0) {
    watched_inode_ = 0;  // the next folder at this path may have the same inode
    return;
  }
  if (watched_ >= 0 && info.st_dev == watched_device_ && info.st_ino == watched_inode_) return;
  if (inotify_ < 0) inotify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify_ >= 0 && watched_ >= 0) (void)::inotify_rm_watch(inotify_, watched_);
  watched_ = inotify_ < 0 ? -1
                          : ::inotify_add_watch(inotify_, folder_.c_str(),
                                                IN_CLOSE_WRITE | IN_MOVE | IN_CREATE | IN_DELETE | IN_ATTRIB |
                                                    IN_DELETE_SELF | IN_MOVE_SELF);
  watched_device_ = info.st_dev;
  watched_inode_ = info.st_ino;
  if (watched_ >= 0) {
    warned_unwatched_ = false;
  } else if (!std::exchange(warned_unwatched_, true)) {
    logger().warn(
        "no events of the plugin folder: {}; it is looked at every {} ms instead (raise fs.inotify.max_user_instances "
        "or max_user_watches) folder={}",
        std::strerror(errno), timing_.scan.count(), folder_.string());
  }
}

// Until something happened in the folder, or the time is over.
void FolderWatch::wait(milliseconds time) {
  std::array<pollfd, 2> fds{pollfd{wake_, POLLIN, 0}, pollfd{inotify_, POLLIN, 0}};
  if (::poll(fds.data(), fds.size(), static_cast<int>(time.count())) <= 0) return;
  alignas(inotify_event) std::array<char, 16'384> events;
  if ((fds[1].revents & POLLIN) != 0) {
    while (::read(inotify_, events.data(), events.size()) > 0) {
    }
  }
}

}  // namespace cm::gateway
