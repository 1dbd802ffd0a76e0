#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cellmesh/abi/plugin.h"
#include "plugin/leftovers.hpp"
#include "plugin/library_copy.hpp"
#include "plugin/private_dir.hpp"

namespace cm::plugin {

// One loaded plugin library, mapped. Owned by its generation, loader thread only. Its destructor unloads it, or leaves
// it loaded if it cannot.
class Library {
 public:
  Library(Library&&) noexcept;
  Library& operator=(Library&&) = delete;
  ~Library();

  // The plugin's entry, as checked when it was opened. Valid until unload().
  [[nodiscard]] const cm_plugin& plugin() const { return *plugin_; }
  // The file that is mapped.
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  // The private copy that it is; null if it was opened in place.
  [[nodiscard]] const std::shared_ptr<LibraryCopy>& copy() const { return copy_; }

  // Runs its destructors and unmaps it. Returns false if it stays mapped: because of how it was built, or because
  // threads or handlers of it would run code that is gone. It may be tried again while loaded(): threads end.
  bool unload();
  // Returns false once nothing more can be done to unmap it.
  [[nodiscard]] bool loaded() const { return handle_ != nullptr; }
  // What kept it mapped when unload() returned false.
  [[nodiscard]] const std::string& pinned_by() const { return pinned_by_; }
  // Returns true if threads of it run after unload() returned false: the process must end with std::_Exit(), since
  // exit() destroys what they use.
  [[nodiscard]] bool runs() const { return runs_; }
  // Somebody still runs inside: it stays mapped until the process ends.
  void leave_loaded();

 private:
  friend class LibraryLoader;
  struct Handle;
  Library(std::unique_ptr<Handle> handle, std::filesystem::path file, const cm_plugin* plugin);
  void run_destructors();

  std::unique_ptr<Handle> handle_;
  std::filesystem::path file_;
  std::shared_ptr<LibraryCopy> copy_;
  const cm_plugin* plugin_;
  std::vector<Image> images_;  // of the plugin and of the libraries of its own
  bool destroyed_ = false;     // its destructors have run
  std::string pinned_by_;
  bool runs_ = false;
};

// Opens libraries from a private directory, so that the same file may be loaded again after it changed. The one place
// that knows Boost.DLL. Loader thread only.
class LibraryLoader {
 public:
  LibraryLoader();
  LibraryLoader(const LibraryLoader&) = delete;
  LibraryLoader& operator=(const LibraryLoader&) = delete;
  ~LibraryLoader();

  // Makes a private copy of the file and of its own libraries: what is checked is what is loaded, whatever happens to
  // the originals meanwhile. Refused: it cannot be copied, or needs a library of which this process holds another
  // build.
  base::Result<std::shared_ptr<LibraryCopy>> copy(const std::filesystem::path& file);
  // Maps a copy (its constructors run) and finds the plugin's entry.
  base::Result<Library> open(const std::shared_ptr<LibraryCopy>& copy, const std::string& label);
  // Maps a file that is somebody else's, and stays.
  base::Result<Library> open_in_place(const std::filesystem::path& file, const std::string& label);
  // Makes again what somebody, a cleaner of temporary files say, removed of the copies that are in use.
  void maintain();
  // Removes all copies. Those that are mapped stay so.
  void discard();

 private:
  base::Status check_shared(const std::filesystem::path& file, const NeededLibraries& needed);
  void hold_needed(const std::filesystem::path& file);

  std::optional<PrivateDir> directory_;  // none before the first copy
  std::uint64_t next_ = 0;
  std::vector<std::weak_ptr<LibraryCopy>> copies_;
  std::chrono::steady_clock::time_point touched_{};
  // Libraries that plugins share, held so that none of them is first loaded through a plugin: one that cannot be
  // unloaded (protobuf) would pin that plugin.
  struct Held;
  std::unique_ptr<Held> held_;
};

// Returns true if the destructor of a Library had to leave it loaded with threads of it running: the process must end
// with std::_Exit(). [any thread]
bool library_left_running();

// Why the entry is none that this host can use; empty when it is one.
std::string why_unusable(const cm_plugin& plugin);

}  // namespace cm::plugin
