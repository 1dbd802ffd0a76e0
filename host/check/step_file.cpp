#include "check/step_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

namespace cm::check {
namespace {

constexpr std::size_t kSize = 1024;  // NUL-terminated in it

}  // namespace

StepFile::StepFile(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (::ftruncate(fd, kSize) == 0) {
    void* mapped = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) bytes_ = static_cast<char*>(mapped);
  }
  ::close(fd);
}

StepFile::~StepFile() {
  if (bytes_ != nullptr) ::munmap(bytes_, kSize);
}

void StepFile::write(std::string_view step) {
  if (bytes_ == nullptr) return;
  const std::size_t size = std::min(step.size(), kSize - 1);
  std::memcpy(bytes_, step.data(), size);
  bytes_[size] = '\0';
}

std::string StepFile::read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  bytes.resize(std::min(bytes.find('\0'), bytes.size()));
  return bytes;
}

}  // namespace cm::check
