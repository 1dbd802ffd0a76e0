#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>

namespace cm::gateway {

// Watches the libraries (*.so) of a folder. Compares what lies at their paths, links followed, with what lay there
// before; inotify only makes it look sooner. So it does not matter how a file, the folder or a link to either changed,
// and a folder without inotify (NFS, a limit reached) is watched as well. Owned by the gateway; has a thread of its
// own.
class FolderWatch {
 public:
  struct Callbacks {
    // A file is new or changed, complete, written by nobody, and has been left alone for a moment.
    std::function<void(const std::string& file)> changed;
    // A file has been absent for the whole time of set_absence(). Called once.
    std::function<void(const std::string& file)> gone;
  };
  struct Timing {
    std::chrono::milliseconds scan{1000};
    std::chrono::milliseconds settled{100};
    std::chrono::milliseconds incomplete{3000};  // until a file that stays cut short is told all the same
  };

  // The callbacks are called on the watch's own thread.
  FolderWatch(std::filesystem::path folder, Callbacks callbacks)
      : FolderWatch(std::move(folder), callbacks, Timing()) {}
  FolderWatch(std::filesystem::path folder, Callbacks callbacks, Timing timing);
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;
  ~FolderWatch();

  // Takes what is there now as known, and watches. The folder need not exist yet.
  void start();
  // Waits for a callback that runs.
  void stop();
  // How long a file must be absent; zero: gone() is never called. [any thread]
  void set_absence(std::chrono::seconds time) { absence_ = time; }

 private:
  using Clock = std::chrono::steady_clock;
  // Identifies a file and its content, as far as that goes without reading it.
  struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;  // by chmod or rename, too
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  struct File {
    Stamp stamp;
    Clock::time_point since;  // when this stamp, or the absence, was first seen
    bool present = true;
    bool told = false;    // changed() or gone() was called for this
    bool warned = false;  // that it is absent, or open for writing
  };

  void run();
  // Returns how long the next scan may wait.
  std::chrono::milliseconds scan(bool first);
  // False if the folder cannot be read for a cause that says nothing about its files.
  bool read_folder(std::map<std::string, Stamp>& found);
  void note_absent(const std::string& name, File& file);
  void tell_if_settled(const std::string& name, File& file);
  [[nodiscard]] bool is_complete(const std::string& name) const;
  void watch_folder();
  void wait(std::chrono::milliseconds time);

  const std::filesystem::path folder_;
  const Callbacks callbacks_;
  const Timing timing_;
  std::atomic<std::chrono::seconds> absence_{std::chrono::seconds(30)};
  std::atomic<bool> stopping_{false};

  // The watch's thread only.
  std::map<std::string, File> files_;
  int inotify_ = -1;  // -1: none
  int wake_ = -1;     // eventfd that stop() writes to
  int watched_ = -1;  // inotify's descriptor of the folder; -1: it is not watched
  std::uint64_t watched_device_ = 0;
  std::uint64_t watched_inode_ = 0;
  bool warned_unwatched_ = false;
  int unreadable_ = 0;  // errno of the last attempt to read the folder, as told
  std::thread thread_;
};

}  // namespace cm::gateway
