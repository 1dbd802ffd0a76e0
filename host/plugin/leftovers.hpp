#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace cm::plugin {

// Where a library lies in memory.
struct Image {
  std::string path;
  std::uintptr_t base = 0;  // added to the addresses in its file
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uintptr_t dynamic = 0;        // its dynamic section
  std::uintptr_t read_only = 0;      // what the loader made read-only after it had relocated it
  std::uintptr_t read_only_end = 0;  // the same as the start if that is nothing
  bool runs_exit_handlers = true;    // dlclose() calls and removes what it gave to atexit()
  bool stays = false;                // dlclose() does not unmap it, by the way it was built

  [[nodiscard]] bool has(std::uintptr_t address) const { return address >= begin && address < end; }
};

// Returns a loaded library and those that it needs from its own folder, each before those that it needs itself; none if
// it is not loaded.
std::vector<Image> images_of(const std::filesystem::path& file);

// Runs the destructors of a library (DT_FINI_ARRAY, DT_FINI) and sees to it that dlclose() and exit() do not run them
// again. False, and nothing was run, if that cannot be done here.
bool finish(const Image& image);

// What a library leaves that would call into it once it is unloaded, as words for a person; empty if nothing.
struct Leftovers {
  std::string text;
  bool running = false;  // a thread of it runs, or may run at any time

  // Before its destructors have run: threads, timers, exit handlers that dlclose() does not remove, thread_local
  // objects of threads that live. `wait`: a moment for threads that are about to end.
  static Leftovers before_destructors(const std::vector<Image>& images, bool wait);
  // After that: the same, and keys with destructors.
  static Leftovers after_destructors(const std::vector<Image>& images);
};

// Takes back signal handlers, and handlers of std::terminate() and of operator new, that lie in the libraries. Returns
// what was taken back, as words for a person; empty if nothing was there.
std::string reset_handlers(const std::vector<Image>& images);
// Remembers the program's own signal handlers as they are now, for reset_handlers().
void remember_handlers();

// Drops all that is noted of libraries that were unloaded: others may come to lie there.
void forget_registrations(const std::vector<Image>& images);

}  // namespace cm::plugin
