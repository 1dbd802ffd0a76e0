#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "plugin/blocking_pool.hpp"
#include "plugin/library.hpp"
#include "plugin/manifest.hpp"

namespace cm::plugin {

// One loaded version of a plugin: its library and what it says of itself. Shared by the plugin manager, which alone
// opens and closes it, and by the services that run its code.
class Generation {
 public:
  // `file`: where it came from, for people.
  Generation(std::uint64_t number, std::shared_ptr<const Manifest> manifest, std::filesystem::path file,
             std::unique_ptr<Library> library);
  // One whose code is part of this program: for tests.
  Generation(std::uint64_t number, std::shared_ptr<const Manifest> manifest);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  ~Generation();

  // Loader thread.
  // Runs the plugin's init.
  base::Status init();
  // The kind of this name in its code; null when it has none.
  [[nodiscard]] const cm_service_kind* kind(std::string_view name) const;
  // Runs deinit and unmaps the library: nobody may use it any more. Returns false if it stays mapped for all that;
  // `pinned_by` says what holds it. Called again it tries once more: threads end.
  bool close();
  // Code of it hangs: it stays mapped until the process ends.
  void leave_loaded();
  // close() or leave_loaded() was called.
  [[nodiscard]] bool closed() const { return closed_; }
  // It may be unmapped yet, if close() returned false.
  [[nodiscard]] bool mapped() const { return library_ != nullptr; }
  // Threads of it run after it was closed: see Library::runs().
  [[nodiscard]] bool runs() const { return library_ != nullptr && closed_ && library_->runs(); }
  // Jobs that run its code, of a service that left it.
  void watch(std::shared_ptr<JobGate> jobs);
  [[nodiscard]] std::size_t jobs() const;
  // False when some still run after the time.
  bool wait_jobs(std::chrono::milliseconds patience);

  // Any thread.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] const Manifest& manifest() const { return *manifest_; }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] const std::shared_ptr<LibraryCopy>& copy() const { return copy_; }
  [[nodiscard]] std::int64_t loaded_ms() const { return loaded_ms_; }
  // " plugin=game version=1.2.0 generation=3 build=0f33c1a2", for log lines.
  [[nodiscard]] const std::string& label() const { return label_; }
  // Instances of services that run it now.
  std::atomic<int> services{0};
  std::atomic<std::uint64_t> faults{0};

  // Loader thread: what keeps it mapped after close().
  [[nodiscard]] const std::string& pinned_by() const { return pinned_by_; }

 private:
  const std::uint64_t number_;
  const std::shared_ptr<const Manifest> manifest_;
  const std::filesystem::path file_;
  const std::shared_ptr<LibraryCopy> copy_;  // null if it was opened in place
  const std::int64_t loaded_ms_;
  const std::string label_;
  std::unique_ptr<Library> library_;
  bool initialised_ = false;
  bool closed_ = false;
  std::string pinned_by_;
  mutable std::mutex mutex_;  // guards job_gates_
  std::vector<std::shared_ptr<JobGate>> job_gates_;
};

}  // namespace cm::plugin
