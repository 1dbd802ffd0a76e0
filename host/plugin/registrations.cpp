#include "plugin/registrations.hpp"

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <threads.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "base/sanitizer.hpp"

namespace cm::plugin {

Registrations& Registrations::instance() {
  static auto* const one = new Registrations;  // threads end after everything else
  return *one;
}

Registrations::Registrations() {
  for (const link_map* map = _r_debug.r_map; map != nullptr; map = map->l_next) program_.push_back(map);
  std::sort(program_.begin(), program_.end());
}

namespace {

using Address = Registrations::Address;

const link_map* library_of(Address address) {
  dl_find_object found{};
  if (::_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return nullptr;
  return found.dlfo_link_map;
}

// Notes what the process began with, before anything else is loaded.
[[maybe_unused]] const bool begun = (Registrations::instance(), true);

}  // namespace

bool Registrations::is_foreign(Address address) const {
  const link_map* library = library_of(address);
  return library != nullptr && !std::binary_search(program_.begin(), program_.end(), library);
}

bool Registrations::Thread::exists() const {
  const pid_t thread = id;
  return thread == 0 || ::tgkill(::getpid(), thread, 0) == 0;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

template <class Function>
Address address_of(Function* function) {
  return reinterpret_cast<Address>(function);
}

// The walk up the stack from the caller of one of the functions below, until the program's own code comes: what the
// host does for a plugin is the host's.
struct Walk {
  Address caller;
  bool begun = false;
  std::vector<Address> code;
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* data) {
  static const link_map* const program = _r_debug.r_map;
  static constexpr std::size_t kMost = 32;
  auto& walk = *static_cast<Walk*>(data);
  const Address address = _Unwind_GetIP(context);
  walk.begun = walk.begun || address == walk.caller;
  if (!walk.begun) return _URC_NO_REASON;
  const link_map* library = library_of(address - 1);
  if (library == nullptr || library == program || walk.code.size() >= kMost) return _URC_END_OF_STACK;
  if (Registrations::instance().is_foreign(address - 1)) walk.code.push_back(address - 1);
  return _URC_NO_REASON;
}

std::vector<Address> code_that_calls(void* caller) {
  Walk walk{reinterpret_cast<Address>(caller), false, {}};
  ::_Unwind_Backtrace(&step, &walk);
  return std::move(walk.code);
}

thread_local Registrations::Thread* this_thread = nullptr;  // null: not one that is noted

// Returns what is known of a thread that is about to be created; null if it is the host's own.
std::shared_ptr<Registrations::Thread> note_thread(Address start, void* argument, void* caller) {
  auto& all = Registrations::instance();
  auto thread = std::make_shared<Registrations::Thread>();
  const link_map* library = library_of(start);
  const char* path = library != nullptr && library->l_name != nullptr ? library->l_name : "";
  const char* name = std::strrchr(path, '/');
  thread->start_library = name != nullptr ? name + 1 : path;
  if (all.is_foreign(start)) thread->code.push_back(start);
  // std::thread's start routine gets an object whose virtual function is what it runs.
  if (thread->start_library.starts_with("libstdc++.so") && argument != nullptr) {
    const auto* const table = *static_cast<void* const* const*>(argument);
    if (all.is_foreign(reinterpret_cast<Address>(table))) {
      thread->code.push_back(reinterpret_cast<Address>(table));
      if (const auto* type = static_cast<const std::type_info*>(table[-1])) thread->type = type->name();
    }
  }
  for (const Address code : code_that_calls(caller)) thread->code.push_back(code);
  const std::lock_guard lock(all.mutex);
  if (this_thread != nullptr) {
    thread->code.insert(thread->code.end(), this_thread->code.begin(), this_thread->code.end());
  }
  if (thread->code.empty()) return nullptr;
  std::erase_if(all.threads, [](const auto& one) { return !one->exists(); });
  all.threads.push_back(thread);
  return thread;
}

void forget_thread(const std::shared_ptr<Registrations::Thread>& thread) {
  auto& all = Registrations::instance();
  const std::lock_guard lock(all.mutex);
  std::erase(all.threads, thread);
}

template <class Result>
struct Start {
  Result (*run)(void*);
  void* argument;
  std::shared_ptr<Registrations::Thread> thread;
};

// Where a noted thread begins. It may end by an unwinding (pthread_exit), too.
template <class Result>
Result begin_thread(void* data) {
  const std::unique_ptr<Start<Result>> start(static_cast<Start<Result>*>(data));
  struct End {
    ~End() { thread.ended = true; }
    Registrations::Thread& thread;
  } const end{*start->thread};
  start->thread->id = ::gettid();
  this_thread = start->thread.get();
  return start->run(start->argument);
}

// Creates a thread with `create`, which gets its start routine and argument, and notes it.
template <class Result, class Create>
int create_thread(Result (*run)(void*), void* argument, void* caller, Create&& create) {
  std::shared_ptr<Registrations::Thread> thread;
  try {
    thread = note_thread(address_of(run), argument, caller);
    if (!thread) return create(run, argument);
    auto start = std::make_unique<Start<Result>>(Start<Result>{run, argument, thread});
    const int failed = create(&begin_thread<Result>, start.get());
    if (failed != 0) {
      forget_thread(thread);
    } else {
      (void)start.release();
    }
    return failed;
  } catch (const std::bad_alloc&) {
    if (thread) forget_thread(thread);
    return EAGAIN;
  }
}

template <class Work>
void with_lock(Work&& work) {
  auto& all = Registrations::instance();
  const std::lock_guard lock(all.mutex);
  try {
    work(all);
  } catch (const std::bad_alloc&) {
    // Not noted: the worst is what would happen without all this.
  }
}

void note_key(pthread_key_t key, Address destructor) {
  if (!Registrations::instance().is_foreign(destructor)) return;
  with_lock([&](Registrations& all) { all.keys[key] = destructor; });
}

void forget_key(pthread_key_t key) {
  with_lock([&](Registrations& all) { all.keys.erase(key); });
}

void note_exit_handler(Address function, bool removed_by_dlclose) {
  if (!Registrations::instance().is_foreign(function)) return;
  with_lock([&](Registrations& all) { all.exit_handlers.push_back({function, removed_by_dlclose}); });
}

struct ThreadObject {
  void (*destroy)(void*);
  void* object;
};

void destroy_thread_object(void* data) {
  const std::unique_ptr<ThreadObject> it(static_cast<ThreadObject*>(data));
  it->destroy(it->object);
  with_lock([&](Registrations& all) {
    const auto count = all.thread_objects.find(address_of(it->destroy));
    if (count != all.thread_objects.end() && --count->second == 0) all.thread_objects.erase(count);
  });
}

}  // namespace

}  // namespace cm::plugin

// ---- the C library's functions, which libraries find here first

using namespace cm::plugin;

extern "C" {

__attribute__((visibility("default"))) int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                                          void* (*run)(void*), void* argument) noexcept {
  static const auto real = next<decltype(pthread_create)>("pthread_create");
  return create_thread(run, argument, __builtin_return_address(0),
                       [&](void* (*start)(void*), void* data) { return real(thread, attributes, start, data); });
}

__attribute__((visibility("default"))) int thrd_create(thrd_t* thread, thrd_start_t run, void* argument) {
  static const auto real = next<decltype(thrd_create)>("thrd_create");
  const int failed = create_thread(run, argument, __builtin_return_address(0),
                                   [&](thrd_start_t start, void* data) { return real(thread, start, data); });
  return failed == EAGAIN ? static_cast<int>(thrd_nomem) : failed;
}

__attribute__((visibility("default"))) int pthread_key_create(pthread_key_t* key, void (*destroy)(void*)) noexcept {
  static const auto real = next<decltype(pthread_key_create)>("pthread_key_create");
  const int failed = real(key, destroy);
  if (failed == 0 && destroy != nullptr) note_key(*key, address_of(destroy));
  return failed;
}

__attribute__((visibility("default"))) int pthread_key_delete(pthread_key_t key) noexcept {
  static const auto real = next<decltype(pthread_key_delete)>("pthread_key_delete");
  forget_key(key);
  return real(key);
}

__attribute__((visibility("default"))) int tss_create(tss_t* key, tss_dtor_t destroy) {
  static const auto real = next<decltype(tss_create)>("tss_create");
  const int failed = real(key, destroy);
  if (failed == thrd_success && destroy != nullptr) note_key(*key, address_of(destroy));
  return failed;
}

__attribute__((visibility("default"))) void tss_delete(tss_t key) {
  static const auto real = next<decltype(tss_delete)>("tss_delete");
  forget_key(key);
  real(key);
}

__attribute__((visibility("default"))) int timer_create(clockid_t clock, struct sigevent* event,
                                                        timer_t* timer) noexcept {
  static const auto real = next<decltype(timer_create)>("timer_create");
  const int failed = real(clock, event, timer);
  if (failed == 0 && event != nullptr && event->sigev_notify == SIGEV_THREAD) {
    const Address function = address_of(event->sigev_notify_function);
    if (Registrations::instance().is_foreign(function)) {
      with_lock([&](Registrations& all) { all.timers[*timer] = function; });
    }
  }
  return failed;
}

__attribute__((visibility("default"))) int timer_delete(timer_t timer) noexcept {
  static const auto real = next<decltype(timer_delete)>("timer_delete");
  with_lock([&](Registrations& all) { all.timers.erase(timer); });
  return real(timer);
}

__attribute__((visibility("default"))) int on_exit(void (*run)(int, void*), void* argument) noexcept {
  static const auto real = next<decltype(on_exit)>("on_exit");
  const int failed = real(run, argument);
  if (failed == 0) note_exit_handler(address_of(run), false);
  return failed;
}

__attribute__((visibility("default"))) int __cxa_atexit(void (*run)(void*), void* argument, void* library) noexcept {
  static const auto real = next<int(void (*)(void*), void*, void*)>("__cxa_atexit");
  const int failed = real(run, argument, library);
  if (failed == 0) {
    const link_map* owner = library != nullptr ? library_of(reinterpret_cast<Address>(library)) : nullptr;
    note_exit_handler(address_of(run), owner != nullptr && owner == library_of(address_of(run)));
  }
  return failed;
}

__attribute__((visibility("default"))) int __cxa_thread_atexit_impl(void (*destroy)(void*), void* object,
                                                                    void* library) noexcept {
  static const auto real = next<int(void (*)(void*), void*, void*)>("__cxa_thread_atexit_impl");
  if (!Registrations::instance().is_foreign(address_of(destroy))) return real(destroy, object, library);
  auto noted = std::unique_ptr<ThreadObject>(new (std::nothrow) ThreadObject{destroy, object});
  if (!noted) return real(destroy, object, library);
  with_lock([&](Registrations& all) { ++all.thread_objects[address_of(destroy)]; });
  return real(&destroy_thread_object, noted.release(), library);
}

}  // extern "C"

#else

}  // namespace cm::plugin

#endif
