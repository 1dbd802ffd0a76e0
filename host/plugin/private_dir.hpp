#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace cm::plugin {

// A directory for temporary files that is this process's alone, `cellmesh-<pid>-<random>`. Goes with this object; when
// the process is killed, the next one of the same user removes it. What tells a dead one is its lock, which the kernel
// takes from a process that ends: a process id may be another's by then. The lock keeps systemd-tmpfiles away, too.
class PrivateDir {
 public:
  // Makes one in the system's directory for temporary files, and clears what is left there of processes that died.
  static base::Result<PrivateDir> make();

  PrivateDir(PrivateDir&& other) noexcept;
  PrivateDir& operator=(PrivateDir&&) = delete;
  ~PrivateDir();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Makes it again if somebody removed it; what was in it is not back. Refused: somebody else's is in its place.
  base::Status restore();

 private:
  PrivateDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_;
};

}  // namespace cm::plugin
