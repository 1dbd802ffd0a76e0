#pragma once

#include <cstddef>
#include <functional>

namespace cm::check {

// Bytes of the heap that doing it once leaves in use. It is done again and again, and looked at whenever that was twice
// as often: what a library keeps for good comes now and then, a leak each time, and one in an array that grows by
// doubling each of these times. The least of them tells. Throws Skipped under a sanitizer, whose allocator counts
// otherwise, and what the work throws.
std::size_t left_on_heap(const std::function<void()>& work);

// Does it on a thread of its own, to the end, and throws what it throws: what a thread freed and keeps for its next
// allocations counts as in use until the thread ends.
void on_own_thread(const std::function<void()>& work);

}  // namespace cm::check
