#pragma once

namespace cm::base {

// This program is built with AddressSanitizer or ThreadSanitizer: it is slower, needs more address space than there
// is, has an allocator of its own, and ends by itself when it crashes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace cm::base
