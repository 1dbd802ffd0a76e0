#pragma once

#include <sys/resource.h>

namespace cm::test {

// No file can grow beyond this many bytes while it lives: a full disk, without one. Of this process, or another of the
// same user. SIGXFSZ must be ignored there.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes, pid_t pid = 0) : pid_(pid) {
    ::prlimit(pid_, RLIMIT_FSIZE, nullptr, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr);
  }
  ~FileLimit() { ::prlimit(pid_, RLIMIT_FSIZE, &before_, nullptr); }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  const pid_t pid_;
  rlimit before_{};
};

}  // namespace cm::test
