#pragma once

#include <cstddef>

namespace cm::check {

// False under a sanitizer, whose allocator counts otherwise.
bool heap_is_measured();
// Bytes that this process has allocated and not freed.
std::size_t heap_in_use();

}  // namespace cm::check
