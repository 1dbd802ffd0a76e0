#pragma once

#include <filesystem>
#include <string_view>

namespace cm::test {

// A folder of a test's own, short enough for sockets in it; removed with all that is in it when the test passed, kept
// for a look when it failed or CM_TEST_KEEP is set.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Writes a file whole, in one step for whoever watches its folder.
void write_file(const std::filesystem::path& path, std::string_view content);
// The content; empty when there is none.
std::string read_file(const std::filesystem::path& path);

}  // namespace cm::test
