#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

namespace data {

// Which files a path led to when they were opened, to see whether it still does. Plain data.
class OpenFiles {
 public:
  // Notes what is there now. A file that is not there is not watched.
  void add(const std::string& path) {
    struct stat now {};
    if (::stat(path.c_str(), &now) == 0) files_.push_back({path, now.st_dev, now.st_ino, now.st_size});
  }

  // Says which of them was deleted, replaced or cut short, in the words of an operator. Empty if none.
  [[nodiscard]] std::string changed() const {
    for (const File& file : files_) {
      struct stat now {};
      if (::stat(file.path.c_str(), &now) != 0) return file.path + " was deleted or cannot be reached";
      if (now.st_dev != file.device || now.st_ino != file.inode) return file.path + " was replaced by another file";
      if (now.st_size < file.size && &file == &files_.front()) return file.path + " was cut short";
    }
    return {};
  }

 private:
  struct File {
    std::string path;
    dev_t device;
    ino_t inode;
    off_t size;
  };
  std::vector<File> files_;  // the database first: the others may become shorter
};

}  // namespace data
