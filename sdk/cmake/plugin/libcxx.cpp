// SPDX-License-Identifier: MIT
//
// Compiled into every plugin with C++ in it by cellmesh_add_plugin(), so that one built with libc++ can be unloaded;
// nothing with any other standard library.
//
// Each such plugin has a libc++abi of its own inside, which keeps what a thread is throwing under a pthread key: made
// at the first throw, never given back, with a destructor that is gone after dlclose(). A process has 1,024 keys, so it
// would be out of them after as many reloads. These two, linked before it, keep the same in a thread_local.
#include <cstddef>

#ifdef _LIBCPP_VERSION

namespace {
struct Globals {  // __cxa_eh_globals of the Itanium C++ ABI, 2.2.2
  void* caught;
  unsigned int uncaught;
#ifdef __ARM_EABI__
  void* propagating;
#endif
};
__thread Globals globals;
}  // namespace

extern "C" {
__attribute__((visibility("hidden"))) Globals* __cxa_get_globals() noexcept;
__attribute__((visibility("hidden"))) Globals* __cxa_get_globals_fast() noexcept;
Globals* __cxa_get_globals() noexcept { return &globals; }
Globals* __cxa_get_globals_fast() noexcept { return &globals; }
}

#endif
