#include "gateway/folder_watch.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <sys/inotify.h>
#include <unistd.h>

namespace cm::gateway {
namespace {

constexpr std::chrono::milliseconds kSettled{50};
constexpr std::chrono::milliseconds kGone{2000};

}  // namespace

FolderWatch::FolderWatch(boost::asio::io_context& context, std::function<void(const std::string&, bool)> on_change)
    : inotify_(context), timer_(context), on_change_(std::move(on_change)) {}

base::Status FolderWatch::start(const std::string& folder) {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0)
    return base::error(std::string("cannot watch folders: ") + std::strerror(errno) +
                       "; new plugins must be loaded by hand");
  inotify_.assign(fd);
  if (inotify_add_watch(fd, folder.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0) {
    return base::error("cannot watch the folder " + folder + ": " + std::strerror(errno) +
                       "; new plugins must be loaded by hand");
  }
  wait();
  return {};
}

void FolderWatch::wait() {
  inotify_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& ec) {
    if (ec) return;
    drain();
    wait();
  });
}

void FolderWatch::drain() {
  alignas(inotify_event) std::array<char, 16384> buffer{};
  for (;;) {
    const auto got = read(inotify_.native_handle(), buffer.data(), buffer.size());
    if (got <= 0) return;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      if (event.len != 0) {
        const std::string name(buffer.data() + at + sizeof event);
        note(name, (event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0);
      }
      at += sizeof event + event.len;
    }
  }
}

void FolderWatch::note(const std::string& file, bool exists) {
  changes_[file] = {exists, std::chrono::steady_clock::now() + (exists ? kSettled : kGone)};
  settle();
}

// Tells what has settled, and waits for the next that will.
void FolderWatch::settle() {
  const auto now = std::chrono::steady_clock::now();
  auto next = std::chrono::steady_clock::time_point::max();
  for (auto it = changes_.begin(); it != changes_.end();) {
    if (it->second.settled > now) {
      next = std::min(next, it->second.settled);
      ++it;
      continue;
    }
    const auto [file, change] = *it;
    it = changes_.erase(it);
    on_change_(file, change.exists);
  }
  if (changes_.empty()) return;
  timer_.expires_at(next);
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) settle();
  });
}

}  // namespace cm::gateway
