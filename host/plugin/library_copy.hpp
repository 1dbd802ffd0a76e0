#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace cm::plugin {

// A plugin's file as it was at one moment, in a folder of its own, with the libraries that it finds by $ORIGIN (beside
// it, say). Those get names of their own in the process: two plugins, or two generations of one, never share such a
// library, so each runs with the build that it came with. Shared by those who load it, run it or may go back to it; the
// last removes the folder. Loader thread only.
class LibraryCopy {
 public:
  // Copies into `folder`, which is made. Refused: a file that cannot be read, changes meanwhile, or does not fit there;
  // nothing is left then.
  static base::Result<std::shared_ptr<LibraryCopy>> make(const std::filesystem::path& file,
                                                         const std::filesystem::path& folder, const std::string& name);
  LibraryCopy(const LibraryCopy&) = delete;
  LibraryCopy& operator=(const LibraryCopy&) = delete;
  ~LibraryCopy();

  // The copy of the plugin itself.
  [[nodiscard]] const std::filesystem::path& file() const { return files_.front().path; }
  // The file that it was copied from.
  [[nodiscard]] const std::filesystem::path& original() const { return files_.front().original; }
  // Returns true if one of the originals is there with another content.
  [[nodiscard]] bool outdated() const;
  // Returns true if this file is one of the originals.
  [[nodiscard]] bool made_of(const std::filesystem::path& original) const;

  // Writes again what somebody removed from the folder: debuggers, rehearsals and rollbacks need the files.
  base::Status restore() const;
  // Makes the files look recently used, for cleaners that go by age.
  void touch() const;

 private:
  struct File {
    std::filesystem::path path;
    std::filesystem::path original;
    std::uint64_t hash = 0;  // of the original
    int fd = -1;             // of the copy, whose content outlives its name
  };
  explicit LibraryCopy(std::filesystem::path folder) : folder_(std::move(folder)) {}
  base::Status add(const std::filesystem::path& original, const std::string& name);

  const std::filesystem::path folder_;
  std::vector<File> files_;
};

// The libraries that a plugin's file needs, and those that these need, by how they are found.
struct NeededLibraries {
  struct Own {
    std::string name;            // as it is needed
    std::filesystem::path file;  // where $ORIGIN leads to
  };
  struct Shared {
    std::string name;
    std::filesystem::path file;  // where an absolute run path leads to; empty: the system's
    std::string needed_by;       // file name
  };
  std::vector<Own> own;
  std::vector<Shared> shared;
};
base::Result<NeededLibraries> find_needed(const std::filesystem::path& file);

// Returns a number that tells a file's content from another; nullopt if it cannot be read.
std::optional<std::uint64_t> hash_of(const std::filesystem::path& file);

}  // namespace cm::plugin
