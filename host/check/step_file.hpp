#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace cm::check {

// Where a test's process writes down what it does next, for who finds it dead: a small file in its memory, which costs
// no system call a step and is there however the process ends.
class StepFile {
 public:
  // The process's side. Keeps nothing when the file cannot be made.
  explicit StepFile(const std::filesystem::path& path);
  StepFile(const StepFile&) = delete;
  StepFile& operator=(const StepFile&) = delete;
  ~StepFile();

  void write(std::string_view step);

  // The other side: the last step; empty when there is none.
  static std::string read(const std::filesystem::path& path);

 private:
  char* bytes_ = nullptr;
};

}  // namespace cm::check
