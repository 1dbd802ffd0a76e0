#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cellmesh/abi/plugin.h"
#include "plugin/private_dir.hpp"

namespace cm::plugin {

// One loaded plugin library: a private copy of its file, mapped. Owned by the plugin manager, loader thread only. Its
// destructor unloads it, unless it was told to stay.
class Library {
 public:
  Library(Library&&) noexcept;
  Library& operator=(Library&&) = delete;
  ~Library();

  // The plugin's entry, as checked when it was opened. Valid until unload().
  [[nodiscard]] const cm_plugin& plugin() const { return *plugin_; }
  [[nodiscard]] const std::filesystem::path& file() const { return copy_; }

  // Unmaps it and removes the copy. False when it stays mapped for all that, which is a fault of how it was built; the
  // log says so.
  bool unload();
  // What keeps it mapped after unload() returned false.
  [[nodiscard]] const std::string& pinned_by() const { return pinned_by_; }
  // Somebody still runs inside: it stays mapped until the process ends.
  void leave_loaded();

 private:
  friend class LibraryLoader;
  struct Handle;
  Library(std::unique_ptr<Handle> handle, std::filesystem::path copy, const cm_plugin* plugin);

  std::unique_ptr<Handle> handle_;
  std::filesystem::path copy_;
  const cm_plugin* plugin_;
  bool owns_file_ = true;
  std::string pinned_by_;
};

// Opens libraries from a private directory, so that the same file may be loaded again after it changed. The one place
// that knows Boost.DLL. Loader thread only.
class LibraryLoader {
 public:
  LibraryLoader();
  LibraryLoader(const LibraryLoader&) = delete;
  LibraryLoader& operator=(const LibraryLoader&) = delete;
  ~LibraryLoader();

  // A private copy of the file: what is checked is what is loaded, whatever happens to the original meanwhile.
  base::Result<std::filesystem::path> copy(const std::filesystem::path& file);
  // Another name for a copy, so that it outlives the library; replaces what is of that name.
  base::Result<std::filesystem::path> keep(const std::filesystem::path& copy, const std::string& name);
  // Maps a copy (its constructors run) and finds the plugin's entry. Takes the copy over and removes it on failure.
  base::Result<Library> open(const std::filesystem::path& copy, const std::string& label);
  // The same of a file that is somebody else's, and stays.
  base::Result<Library> open_in_place(const std::filesystem::path& file, const std::string& label);

 private:
  void hold_needed(const std::filesystem::path& copy);

  std::optional<PrivateDir> directory_;  // none before the first copy
  std::uint64_t next_ = 0;
  std::set<std::string> tried_;
  // Libraries that plugins need, held so that none of them is first loaded through a plugin: one that cannot be
  // unloaded (protobuf) would pin that plugin.
  struct Held;
  std::unique_ptr<Held> held_;
};

// Why the entry is none that this host can use; empty when it is one.
std::string why_unusable(const cm_plugin& plugin);

}  // namespace cm::plugin
