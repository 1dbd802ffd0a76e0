#include "check/steps.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace cm::check {
namespace {

constexpr std::size_t kSize = 1024;  // NUL-terminated in it

}  // namespace

Steps::Steps() {
  void* mapped = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (mapped != MAP_FAILED) bytes_ = static_cast<char*>(mapped);
}

Steps::~Steps() {
  if (bytes_ != nullptr) ::munmap(bytes_, kSize);
}

void Steps::write(std::string_view step) {
  if (bytes_ == nullptr) return;
  const std::size_t size = std::min(step.size(), kSize - 1);
  std::memcpy(bytes_, step.data(), size);
  bytes_[size] = '\0';
}

std::string Steps::last() const { return bytes_ != nullptr ? std::string(bytes_, ::strnlen(bytes_, kSize)) : ""; }

}  // namespace cm::check
