#include "check/heap.hpp"

#include <malloc.h>

#include "base/sanitizer.hpp"

namespace cm::check {

bool heap_is_measured() { return !base::kSanitized; }

std::size_t heap_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;  // in arenas, and in mappings of their own
}

}  // namespace cm::check
