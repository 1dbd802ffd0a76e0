#include "plugin/leftovers.hpp"

#include <elf.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <new>
#include <thread>
#include <utility>

#include "base/sanitizer.hpp"
#include "plugin/elf_file.hpp"
#include "plugin/registrations.hpp"

namespace cm::plugin {
namespace {

namespace fs = std::filesystem;
using Address = std::uintptr_t;
using std::chrono::milliseconds;

constexpr milliseconds kEnding{1000};  // for threads that have returned from their start routine
constexpr milliseconds kRunning{100};  // for others, which may have been told to end
constexpr std::size_t kShown = 3;

const Image* image_of(const std::vector<Image>& images, Address address) {
  const auto it = std::find_if(images.begin(), images.end(), [&](const Image& image) { return image.has(address); });
  return it != images.end() ? &*it : nullptr;
}

// "refresh() at game.so+0x12af0"
std::string place(const Image& image, Address address) {
  std::array<char, 32> offset{};
  std::snprintf(offset.data(), offset.size(), "+0x%zx", static_cast<std::size_t>(address - image.base));
  const std::string where = fs::path(image.path).filename().string() + offset.data();
  const auto file = ElfFile::open(image.path);
  const std::string name = file ? file->function_at(address - image.base) : std::string();
  return name.empty() ? where : name + " at " + where;
}

// The type of a std::thread's object names what it runs: "...::_Invoker<std::tuple<Game::start()::{lambda()#1}> >".
std::string invoked(const std::string& type) {
  std::string text = demangled(type);
  static constexpr std::string_view kBegin = "_Invoker<std::tuple<";
  const auto at = text.rfind(kBegin);  // the last is that of std::async, too
  if (at == std::string::npos) return text;
  text = text.substr(at + kBegin.size());
  const auto end = text.find("> >");
  return text.substr(0, end);
}

std::string name_of(pid_t thread) {
  std::ifstream in("/proc/self/task/" + std::to_string(thread) + "/comm");
  std::string name;
  std::getline(in, name);
  return name;
}

std::string describe(const Registrations::Thread& thread, const std::vector<Image>& images) {
  const auto code = std::find_if(thread.code.begin(), thread.code.end(),
                                 [&](Address address) { return image_of(images, address) != nullptr; });
  std::string runs = thread.type.empty() ? place(*image_of(images, *code), *code) : invoked(thread.type);
  // Its start routine lies elsewhere: it was created by this code, and may come back to it.
  if (thread.type.empty() && code != thread.code.begin()) runs = "code of " + thread.start_library + " for " + runs;
  return std::to_string(thread.id) + " \"" + name_of(thread.id) + "\", which runs " + runs;
}

// The threads of OpenMP's pools wait in its runtime, which stays loaded, and keep nothing of whom they worked for.
bool keeps_nothing(const Registrations::Thread& thread) {
  const auto& library = thread.start_library;
  return library.starts_with("libgomp.so") || library.starts_with("libomp.so") || library.starts_with("libiomp5.so");
}

std::vector<std::shared_ptr<Registrations::Thread>> threads_of(const std::vector<Image>& images) {
  auto& all = Registrations::instance();
  std::vector<std::shared_ptr<Registrations::Thread>> found;
  const std::lock_guard lock(all.mutex);
  for (const auto& thread : all.threads) {
    const bool of_these = std::any_of(thread->code.begin(), thread->code.end(),
                                      [&](Address address) { return image_of(images, address) != nullptr; });
    if (of_these && thread->exists() && !keeps_nothing(*thread)) found.push_back(thread);
  }
  return found;
}

std::vector<std::shared_ptr<Registrations::Thread>> threads_that_stay(const std::vector<Image>& images, bool wait) {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    auto threads = threads_of(images);
    const bool ending =
        std::all_of(threads.begin(), threads.end(), [](const auto& thread) { return thread->ended.load(); });
    const auto time = std::chrono::steady_clock::now() - begin;
    if (threads.empty() || !wait || time > (ending ? kEnding : kRunning)) return threads;
    std::this_thread::sleep_for(milliseconds(1));
  }
}

class Text {
 public:
  void add(std::size_t count, const std::string& one, const std::string& many, const std::vector<std::string>& which) {
    if (count == 0) return;
    if (!text_.empty()) text_ += "; ";
    text_ += std::to_string(count) + " " + (count == 1 ? one : many);
    for (std::size_t i = 0; i < std::min(which.size(), kShown); ++i) text_ += (i == 0 ? " (" : ", ") + which[i];
    if (!which.empty()) text_ += which.size() > kShown ? ", ...)" : ")";
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

Leftovers find(const std::vector<Image>& images, bool with_keys, bool wait) {
  if (images.empty()) return {};
  Text text;
  Leftovers left;
  const auto threads = threads_that_stay(images, wait);
  std::vector<std::string> which;
  for (const auto& thread : threads) which.push_back(describe(*thread, images));
  text.add(threads.size(), "thread", "threads", which);

  std::vector<Address> timers;
  std::vector<Address> handlers;
  std::vector<Address> keys;
  std::vector<Address> objects;
  std::size_t object_count = 0;
  {
    auto& all = Registrations::instance();
    const std::lock_guard lock(all.mutex);
    const auto take = [&](Address function, std::vector<Address>& into) {
      if (image_of(images, function) != nullptr) into.push_back(function);
    };
    for (const auto& [id, function] : all.timers) take(function, timers);
    for (const auto& handler : all.exit_handlers) {
      const Image* image = image_of(images, handler.function);
      if (image != nullptr && !(handler.removed_by_dlclose && image->runs_exit_handlers))
        handlers.push_back(handler.function);
    }
    for (const auto& [function, count] : all.thread_objects) {
      take(function, objects);
      if (image_of(images, function) != nullptr) object_count += count;
    }
    if (with_keys) {
      for (const auto& [key, destructor] : all.keys) take(destructor, keys);
    }
  }
  const auto add = [&](std::size_t count, const std::vector<Address>& functions, const std::string& one,
                       const std::string& many) {
    which.clear();
    for (const Address function : functions) which.push_back(place(*image_of(images, function), function));
    text.add(count, one, many, which);
  };
  add(timers.size(), timers, "timer that calls", "timers that call");
  add(handlers.size(), handlers, "exit handler", "exit handlers");
  add(object_count, objects, "thread_local object of a thread that lives", "thread_local objects of threads that live");
  add(keys.size(), keys, "pthread key with a destructor", "pthread keys with destructors");
  left.text = text.take();
  left.running = !threads.empty() || !timers.empty();
  return left;
}

// ---- handlers

std::map<int, struct sigaction>& remembered() {
  static auto* const handlers = new std::map<int, struct sigaction>;
  return *handlers;
}

Address handler_of(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 ? reinterpret_cast<Address>(action.sa_sigaction)
                                             : reinterpret_cast<Address>(action.sa_handler);
}

// Ignored rather than left to the default, which would end the process when the signal comes that the plugin handled.
bool ends_the_process(int signal) {
  static constexpr std::array kHarmless{SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU};
  static constexpr std::array kOwnFault{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  const auto in = [&](const auto& list) { return std::find(list.begin(), list.end(), signal) != list.end(); };
  return !in(kHarmless) && !in(kOwnFault);
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

void do_nothing() {}

Image image_from(const dl_phdr_info& info) {
  Image image{info.dlpi_name, info.dlpi_addr};
  image.begin = UINTPTR_MAX;
  const auto page = static_cast<Address>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& segment = info.dlpi_phdr[i];
    const Address begin = info.dlpi_addr + segment.p_vaddr;
    const Address end = begin + segment.p_memsz;
    if (segment.p_type == PT_LOAD) {
      image.begin = std::min(image.begin, begin);
      image.end = std::max(image.end, end);
    } else if (segment.p_type == PT_DYNAMIC) {
      image.dynamic = begin;
    } else if (segment.p_type == PT_GNU_RELRO) {
      image.read_only = begin & ~(page - 1);
      image.read_only_end = end & ~(page - 1);
    }
  }
  return image;
}

}  // namespace

std::vector<Image> images_of(const fs::path& file) {
  std::map<std::string, Image> beside;  // by file name
  std::pair<const fs::path&, decltype(beside)&> search{file, beside};
  const auto add = [](dl_phdr_info* info, std::size_t, void* data) {
    auto& [wanted, images] = *static_cast<decltype(search)*>(data);
    if (info->dlpi_name == nullptr || *info->dlpi_name == '\0') return 0;
    const fs::path path(info->dlpi_name);
    if (path.parent_path() == wanted.parent_path()) images[path.filename().string()] = image_from(*info);
    return 0;
  };
  ::dl_iterate_phdr(add, &search);

  std::vector<Image> images;
  const std::function<void(const std::string&)> take = [&](const std::string& name) {
    auto found = beside.extract(name);
    if (found.empty()) return;
    Image& image = found.mapped();
    const auto elf = ElfFile::open(image.path);
    if (elf) {
      image.runs_exit_handlers = elf->imports("__cxa_finalize");
      const auto symbols = elf->exports();
      const auto is_unique = [](const ElfFile::Symbol& symbol) { return symbol.unique; };
      image.stays = elf->stays_loaded() || (symbols && std::any_of(symbols->begin(), symbols->end(), is_unique));
      if (const auto needed = elf->needed()) {
        for (const auto& other : *needed) take(other);
      }
    }
    images.push_back(std::move(image));
  };
  take(file.filename().string());
  std::reverse(images.begin(), images.end());
  return images;
}

bool finish(const Image& image) {
  if (image.dynamic == 0 || base::kSanitized) return false;
  auto* const entries = reinterpret_cast<ElfW(Dyn)*>(image.dynamic);
  using Function = void (*)();
  const Function* array = nullptr;
  ElfW(Dyn)* size = nullptr;
  ElfW(Dyn)* last = nullptr;
  ElfW(Dyn)* end = entries;
  for (; end->d_tag != DT_NULL; ++end) {
    if (end->d_tag == DT_FINI_ARRAY) array = reinterpret_cast<const Function*>(image.base + end->d_un.d_ptr);
    if (end->d_tag == DT_FINI_ARRAYSZ) size = end;
    if (end->d_tag == DT_FINI) last = end;
  }
  // The C library reads these entries when it unloads the library or the process ends.
  const auto page = static_cast<Address>(::sysconf(_SC_PAGESIZE));
  const Address first_page = image.dynamic & ~(page - 1);
  const Address end_page = (reinterpret_cast<Address>(end) + page) & ~(page - 1);
  const bool read_only = image.dynamic >= image.read_only && image.dynamic < image.read_only_end;
  const auto protect = [&](int how) {
    return ::mprotect(reinterpret_cast<void*>(first_page), std::min(end_page, image.read_only_end) - first_page, how) ==
           0;
  };
  if (read_only && !protect(PROT_READ | PROT_WRITE)) return false;
  const std::size_t count = array != nullptr && size != nullptr ? size->d_un.d_val / sizeof(Function) : 0;
  const auto run_last = last != nullptr ? reinterpret_cast<Function>(image.base + last->d_un.d_ptr) : nullptr;
  if (size != nullptr) size->d_un.d_val = 0;
  if (last != nullptr) last->d_un.d_ptr = reinterpret_cast<Address>(&do_nothing) - image.base;
  if (read_only) (void)protect(PROT_READ);
  for (std::size_t i = count; i-- > 0;) array[i]();
  if (run_last != nullptr) run_last();
  return true;
}

Leftovers Leftovers::before_destructors(const std::vector<Image>& images, bool wait) {
  return find(images, false, wait);
}

Leftovers Leftovers::after_destructors(const std::vector<Image>& images) { return find(images, true, false); }

void remember_handlers() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) != 0 || Registrations::instance().is_foreign(handler_of(now))) continue;
    remembered()[signal] = now;
  }
}

std::string reset_handlers(const std::vector<Image>& images) {
  std::string text;
  const auto add = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) != 0 || image_of(images, handler_of(now)) == nullptr) continue;
    struct sigaction before {};
    if (const auto it = remembered().find(signal); it != remembered().end()) before = it->second;
    const bool ignore = handler_of(before) == reinterpret_cast<Address>(SIG_DFL) && ends_the_process(signal);
    if (ignore) before.sa_handler = SIG_IGN;
    (void)::sigaction(signal, &before, nullptr);
    add("the handler of " + signal_name(signal) + (ignore ? " (which is ignored now)" : ""));
  }
  if (image_of(images, reinterpret_cast<Address>(std::get_terminate())) != nullptr) {
    std::set_terminate(&__gnu_cxx::__verbose_terminate_handler);
    add("the handler of std::terminate");
  }
  if (image_of(images, reinterpret_cast<Address>(std::get_new_handler())) != nullptr) {
    std::set_new_handler(nullptr);
    add("the handler of operator new");
  }
  return text;
}

void forget_registrations(const std::vector<Image>& images) {
  auto& all = Registrations::instance();
  const std::lock_guard lock(all.mutex);
  const auto of_these = [&](Address address) { return image_of(images, address) != nullptr; };
  std::erase_if(all.threads, [](const auto& thread) { return !thread->exists(); });
  for (const auto& thread : all.threads) std::erase_if(thread->code, of_these);
  std::erase_if(all.exit_handlers, [&](const auto& handler) { return of_these(handler.function); });
  std::erase_if(all.keys, [&](const auto& key) { return of_these(key.second); });
  std::erase_if(all.timers, [&](const auto& timer) { return of_these(timer.second); });
  std::erase_if(all.thread_objects, [&](const auto& object) { return of_these(object.first); });
}

}  // namespace cm::plugin
