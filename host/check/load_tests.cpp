// Its code as it is loaded, before a service is made of it.
#include <dlfcn.h>

#include <algorithm>
#include <set>

#include "check/subject.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

// The entry as it is, however bad: the library loader gives out none that cannot be used.
const cm_plugin& raw_entry(Subject& subject) {
  subject.at("dlopen");
  void* library = ::dlopen(subject.file().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw Failed(::dlerror());
  const void* entry = ::dlsym(library, CM_PLUGIN_SYMBOL);
  if (entry == nullptr) throw Failed("there is no " CM_PLUGIN_SYMBOL " in it");
  return *static_cast<const cm_plugin*>(entry);
}

void loads(Subject& subject) { (void)raw_entry(subject); }

void abi_in_code(Subject& subject) {
  const cm_plugin& entry = raw_entry(subject);
  const auto& manifest = subject.manifest();
  if (entry.abi_major == manifest.abi_major && entry.abi_minor == manifest.abi_minor) return;
  throw Failed("its code is of ABI " + std::to_string(entry.abi_major) + "." + std::to_string(entry.abi_minor) +
               " and its manifest says " + std::to_string(manifest.abi_major) + "." +
               std::to_string(manifest.abi_minor));
}

void entry(Subject& subject) {
  cm_plugin entry = raw_entry(subject);
  entry.abi_major = CM_ABI_MAJOR;  // has a test of its own
  entry.abi_minor = CM_ABI_MINOR;
  if (const auto why = plugin::why_unusable(entry); !why.empty()) throw Failed(why);
}

void init(Subject& subject) {
  (void)subject.kinds();
  const cm_plugin& plugin = subject.entry();
  if (plugin.deinit == nullptr) return;
  subject.at("deinit");
  (void)run_fenced("deinit", [&] {
    plugin.deinit();
    return CM_OK;
  });
}

void as_manifest(Subject& subject) {
  const auto& provides = subject.manifest().provides;
  std::set<std::string> in_code;
  for (const auto* kind : subject.kinds()) {
    if (!in_code.insert(kind->kind).second) throw Failed("its code has the kind " + std::string(kind->kind) + " twice");
    if (std::find(provides.begin(), provides.end(), kind->kind) == provides.end()) {
      throw Failed("its code has the kind " + std::string(kind->kind) + ", which its manifest does not provide");
    }
  }
  for (const auto& kind : provides) {
    if (!in_code.contains(kind)) throw Failed("its manifest provides " + kind + ", which its code does not have");
  }
}

}  // namespace

std::vector<Test> load_tests() {
  return {
      {"load.loads",
       "Everything that it needs is there, and its global objects can be made.",
       "link what it uses with target_link_libraries(), install the libraries that it needs, and look at its static "
       "initialisers",
       {"exports.one_symbol", "file.no_executable_stack"},
       loads},
      {"load.entry",
       "The host calls no function that is not there.",
       "fill in every function of cm_service_kind, and struct_size with sizeof",
       {"load.loads"},
       entry},
      {"abi.in_code",
       "The code is of the ABI that its manifest says.",
       "build manifest and code with one SDK",
       {"load.loads", "abi.version"},
       abi_in_code},
      {"load.init",
       "The host can begin with it, and end with it, while no service of it is there.",
       "return CM_OK from init, and keep what may fail for start",
       {"load.entry", "abi.in_code"},
       init},
      {"kinds.as_manifest",
       "What the host was told, and publishes, is what the code does.",
       "give the service's class, or its member `kind`, the name that PROVIDES has in its CMake file",
       {"load.init", "manifest.fits"},
       as_manifest},
  };
}

}  // namespace cm::check
