// Loading, using and unloading it, as a reload does, again and again.
#include "check/barrages.hpp"
#include "check/heap.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

constexpr int kReloads = 1000;

// From the file to nothing left of it; throws when something is.
void one_generation(Subject& subject, plugin::LibraryLoader& loader, const std::function<void(Service&)>& use) {
  const auto copy = loader.copy(subject.file());
  if (!copy) throw Refused(copy.error().text);
  auto library = loader.open(*copy, subject.label());
  if (!library) throw Refused(library.error().text);
  const cm_plugin& entry = library->plugin();
  try {
    if (entry.init != nullptr && run_fenced("init", entry.init) != CM_OK) throw Failed("init refused");
    for (std::uint32_t i = 0; i < entry.kind_count; ++i) {
      Service service(subject, *entry.kinds[i], {.judge = Judge::nothing});
      service.run();
      use(service);
      service.stop();
      service.destroy();
    }
    if (entry.deinit != nullptr) {
      (void)run_fenced("deinit", [&] {
        entry.deinit();
        return CM_OK;
      });
    }
  } catch (...) {
    library->leave_loaded();  // whatever is in use in it
    throw;
  }
  subject.at("dlclose");
  if (!library->unload()) {
    throw Failed("it stays mapped after its end, held by " + library->pinned_by());
  }
}

void unmapped(Subject& subject) {
  plugin::LibraryLoader loader;
  one_generation(subject, loader, everything);
  one_generation(subject, loader, everything);
}

void reload(Subject& subject, plugin::LibraryLoader& loader, int times) {
  for (int n = 1; n <= times; ++n) {
    try {
      one_generation(subject, loader, empty_messages);
    } catch (const Failed& e) {
      throw Failed("reload " + std::to_string(n) + ": " + e.what());
    }
  }
}

void thousand_reloads(Subject& subject) {
  plugin::LibraryLoader loader;
  reload(subject, loader, kReloads);
}

void memory(Subject& subject) {
  static constexpr int kTimes = 30;
  static constexpr std::size_t kAllowed = 256;
  plugin::LibraryLoader loader;
  const auto some = [&] { reload(subject, loader, kTimes); };
  const std::size_t bytes = left_on_heap([&] { on_own_thread(some); }) / kTimes;
  if (bytes > kAllowed) throw Failed("each reload left " + std::to_string(bytes) + " bytes");
}

}  // namespace

std::vector<Test> unload_tests() {
  return {
      {"unload.unmapped",
       "The old code is really gone after a reload, and its memory with it.",
       "build it with the flags of cellmesh_add_plugin(), and without thread_local objects of other libraries",
       {"unload.unique_symbols", "unload.nodelete", "leak.threads"},
       unmapped},
      {"leak.reloads",
       "A host that is reloaded for months does not grow.",
       "free in deinit what init and its global objects allocated",
       {"unload.unmapped", "leak.memory", "leak.descriptors", "time.hooks_return"},
       memory,
       std::chrono::seconds(60)},
      {"unload.1000_reloads",
       "It can be reloaded as often as anybody likes.",
       "give back in deinit what a process has a limited number of: keys of threads, handlers, mappings",
       {"leak.reloads", "leak.processes"},
       thousand_reloads,
       std::chrono::seconds(120)},
  };
}

}  // namespace cm::check
