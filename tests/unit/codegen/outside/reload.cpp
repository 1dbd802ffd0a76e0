// Loads plugins, uses and really unloads each many times, all at once on a thread each that lives on, as a service's
// thread does:
//   sdk_reload TIMES LIBRARY...
// A plugin must answer each message that it takes from clients, refuse what is cut short, and leave nothing behind.
#include <cellmesh/testkit/memory_host.hpp>

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cellmesh/manifest.pb.h"
#include "unit/codegen/elf_view.hpp"

#if defined(__SANITIZE_THREAD__)
// What the loader does, it does under a lock of its own that ThreadSanitizer does not see.
extern "C" const char* __tsan_default_suppressions() { return "race:dl_iterate_phdr\nrace:ld-linux\n"; }
#endif

namespace {

using cellmesh::test::Did;
using cellmesh::test::MemoryHost;

constexpr cm_request kFromAClient{0, 0, 0, {9, 0, 41}};

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

bool mapped(const std::string& path) {
  const auto same = [](dl_phdr_info* info, std::size_t, void* wanted) {
    return static_cast<int>(info->dlpi_name == *static_cast<const std::string*>(wanted));
  };
  return dl_iterate_phdr(same, const_cast<std::string*>(&path)) != 0;
}

// The next key that a thread gets: the same again when none was kept.
pthread_key_t next_key() {
  pthread_key_t key{};
  require(pthread_key_create(&key, nullptr) == 0, "no thread key is left");
  pthread_key_delete(key);
  return key;
}

class Subject {
 public:
  explicit Subject(const std::string& path) : path_(std::filesystem::canonical(path).string()) {
    require(manifest_.ParseFromString(cm::test::ElfView(path_).section(CM_MANIFEST_SECTION)), "it has no manifest");
  }

  void reload(int times) try {
    for (; loads_ < times; ++loads_) once();
    require(answers_ > 0, "it answers nothing");
  } catch (const std::exception& e) {
    failure_ = path_ + ", after " + std::to_string(loads_) + " loads: " + e.what();
  }

  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] std::string summary() const {
    return std::filesystem::path(path_).filename().string() + ": " + std::to_string(loads_) + " loads, " +
           std::to_string(answers_) + " answers, " + std::to_string(faults_) + " faults";
  }

 private:
  void once() {
    require(!mapped(path_), "it is still mapped");
    void* library = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto* plugin = static_cast<const cm_plugin*>(dlsym(library, CM_PLUGIN_SYMBOL));
    require(plugin != nullptr && plugin->struct_size == sizeof(cm_plugin), "it is no plugin");
    if (plugin->init != nullptr) require(plugin->init() == CM_OK, "init failed");
    for (std::uint32_t i = 0; i < plugin->kind_count; ++i) use(*plugin->kinds[i]);
    if (plugin->deinit != nullptr) plugin->deinit();
    require(dlclose(library) == 0 && !mapped(path_), "dlclose() did not unmap it");
  }

  void use(const cm_service_kind& kind) {
    MemoryHost host(kind, {.settings = std::string()});
    require(host.create() && host.start() == CM_OK, "it does not start");
    host.take();
    for (const auto& message : manifest_.messages()) {
      if (message.service() != kind.kind) continue;
      const auto id = static_cast<std::uint16_t>(message.id());
      for (const std::string text : {"hello", "throw", "hello again, and at some length this time"}) {
        say(host, id, text);
      }
      const auto cut = host.deliver(kFromAClient, id, "\x0a\x7f");
      require(cut == CM_BAD_MESSAGE, "a message that is cut short comes to status " + std::to_string(cut));
    }
    require(host.deliver(kFromAClient, 1, "") == CM_UNHANDLED, "it takes a message that it does not know");
    host.stop();
  }

  void say(MemoryHost& host, std::uint16_t id, const std::string& text) {
    host.take();
    const auto status = host.deliver(kFromAClient, id, "\x0a" + std::string(1, static_cast<char>(text.size())) + text);
    if (status == CM_FAULT) {
      require(!host.take_faults().empty(), "it does not say why it failed");
      ++faults_;
    } else {
      require(status == CM_OK && host.take(Did::reply).size() == 1, "it does not answer '" + text + "'");
      ++answers_;
    }
  }

  const std::string path_;
  cellmesh::Manifest manifest_;
  int loads_ = 0;
  int answers_ = 0;
  int faults_ = 0;
  std::string failure_;
};

}  // namespace

int main(int argc, char** argv) try {
  require(argc > 2, "usage: sdk_reload TIMES LIBRARY...");
  require(dlopen(PROTOBUF_LITE, RTLD_NOW | RTLD_GLOBAL) != nullptr, "no " PROTOBUF_LITE);  // as the host does
  const int times = std::stoi(argv[1]);
  std::vector<Subject> subjects(argv + 2, argv + argc);
  const auto key = next_key();
  std::vector<std::thread> threads;
  for (auto& subject : subjects) threads.emplace_back([&subject, times] { subject.reload(times); });
  for (auto& thread : threads) thread.join();
  for (const auto& subject : subjects) {
    require(subject.failure().empty(), subject.failure());
    std::cout << subject.summary() << '\n';
  }
  require(next_key() == key, "a thread key is kept");
} catch (const std::exception& e) {
  std::cerr << "sdk_reload: " << e.what() << '\n';
  return 1;
}
