#pragma once

#include <pthread.h>
#include <sys/types.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cm::plugin {

// What code outside of the program (plugins and what they bring) registered with the process and nobody took back:
// whatever would call into a library after it was unloaded. The program defines the C library's functions for that
// itself (registrations.cpp) and exports them, so that libraries call those; each notes what it was given and calls the
// C library's. Not in sanitized builds, where a sanitizer stands in that place. One for the process; lives until it
// ends.
class Registrations {
 public:
  using Address = std::uintptr_t;
  struct Thread {
    // Its start routine and what its creator was running, innermost first. Guarded by the mutex once it runs.
    std::vector<Address> code;
    std::string start_library;  // file name of the library that has the start routine
    std::string type;           // mangled, of the object that std::thread runs; else empty
    std::atomic<pid_t> id{0};   // 0: it has not begun
    std::atomic<bool> ended{false};

    [[nodiscard]] bool exists() const;  // the kernel still has it
  };
  struct ExitHandler {
    Address function = 0;
    bool removed_by_dlclose = false;  // if the library is an ordinary one
  };

  static Registrations& instance();
  // Returns true if the address lies in a library that the process did not begin with.
  [[nodiscard]] bool is_foreign(Address address) const;

  std::mutex mutex;  // guards all below
  std::vector<std::shared_ptr<Thread>> threads;
  std::map<pthread_key_t, Address> keys;  // with their destructors
  std::vector<ExitHandler> exit_handlers;
  std::map<timer_t, Address> timers;              // that call a function on a thread
  std::map<Address, std::size_t> thread_objects;  // that wait for the end of their threads, by destructor

 private:
  Registrations();
  std::vector<const void*> program_;  // link maps of what the process began with, sorted
};

}  // namespace cm::plugin
