#include "check/heap.hpp"

#include <malloc.h>

namespace cm::check {

bool heap_is_measured() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;
#else
  return true;
#endif
}

std::size_t heap_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;  // in arenas, and in mappings of their own
}

}  // namespace cm::check
