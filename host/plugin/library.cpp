#include "plugin/library.hpp"

#include <link.h>

#include <mutex>
#include <utility>

#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include "base/log.hpp"
#include "plugin/elf_file.hpp"

namespace cm::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kMaxKinds = 64;

std::string why_kind_unusable(const cm_service_kind* kind) {
  if (kind == nullptr || kind->struct_size < sizeof(cm_service_kind)) {
    return "one of its service kinds is shorter than version 1.0 of the ABI";
  }
  if (kind->kind == nullptr || kind->create == nullptr || kind->destroy == nullptr || kind->start == nullptr ||
      kind->stop == nullptr || kind->on_message == nullptr || kind->get_extension == nullptr) {
    return "one of its service kinds lacks its name or a function";
  }
  return {};
}

// A loaded object by its path. (dlopen with RTLD_NOLOAD would do, but counts a user; /proc/self/maps gives false
// alarms.)
bool is_mapped(const fs::path& file) {
  const auto find = [](dl_phdr_info* info, std::size_t, void* wanted) {
    return info->dlpi_name != nullptr && *static_cast<const std::string*>(wanted) == info->dlpi_name ? 1 : 0;
  };
  std::string name = file.string();
  return ::dl_iterate_phdr(find, &name) != 0;
}

std::string with_cure(std::string why) {
  if (why.find("undefined symbol") != std::string::npos) {
    why += "; link what it uses in its CMake file (cellmesh_add_plugin() checks that with -z defs)";
  } else if (why.find("cannot open shared object file") != std::string::npos) {
    why += "; install the library that it needs on this machine";
  } else if (why.find("GLIBC") != std::string::npos) {
    why += "; build it on a system no newer than this one";
  } else if (why.find("failed to map") != std::string::npos) {
    why += "; the directory for temporary files must not be mounted noexec: set TMPDIR to another";
  } else {
    why += "; build it again with cellmesh_add_plugin()";
  }
  return why;
}

}  // namespace

std::string why_unusable(const cm_plugin& plugin) {
  if (plugin.struct_size < sizeof(cm_plugin)) return "its entry is shorter than version 1.0 of the ABI";
  if (plugin.abi_major != CM_ABI_MAJOR || plugin.abi_minor > CM_ABI_MINOR) {
    return "its code is built for plugin ABI " + std::to_string(plugin.abi_major) + "." +
           std::to_string(plugin.abi_minor) + " and this host has " + std::to_string(CM_ABI_MAJOR) + "." +
           std::to_string(CM_ABI_MINOR);
  }
  if (plugin.kind_count == 0 || plugin.kind_count > kMaxKinds || plugin.kinds == nullptr) {
    return "its entry lists no kinds of service, or more than " + std::to_string(kMaxKinds);
  }
  for (std::uint32_t i = 0; i < plugin.kind_count; ++i) {
    if (auto why = why_kind_unusable(plugin.kinds[i]); !why.empty()) return why;
  }
  return {};
}

struct Library::Handle {
  boost::dll::shared_library library;
};

struct LibraryLoader::Held {
  std::vector<boost::dll::shared_library> libraries;
};

Library::Library(std::unique_ptr<Handle> handle, fs::path copy, const cm_plugin* plugin)
    : handle_(std::move(handle)), copy_(std::move(copy)), plugin_(plugin) {}
Library::Library(Library&&) noexcept = default;
Library::~Library() { (void)unload(); }

bool Library::unload() {
  if (!handle_) return true;
  handle_.reset();
  const bool mapped = is_mapped(copy_);
  if (mapped) {
    const auto file = ElfFile::open(copy_);
    pinned_by_ = file ? file->pins() : std::string();
    if (pinned_by_.empty()) pinned_by_ = "nothing that its file shows: somebody else opened it, or uses a symbol of it";
    base::log(base::Room::plugin)
        .warn(
            "a plugin was unloaded but its library stays in memory, held by {}; build it with the flags of "
            "cellmesh_add_plugin() and without thread_local objects file={}",
            pinned_by_, base::log_value(copy_.filename().string()));
  }
  std::error_code ignored;
  if (owns_file_) fs::remove(copy_, ignored);
  return !mapped;
}

// Code inside still runs, so its handle is never closed, and stays where a leak checker sees it.
void Library::leave_loaded() {
  static std::mutex mutex;
  static auto* kept = new std::vector<std::unique_ptr<Handle>>;
  const std::lock_guard lock(mutex);
  kept->push_back(std::move(handle_));
}

LibraryLoader::LibraryLoader() : held_(std::make_unique<Held>()) {}

LibraryLoader::~LibraryLoader() = default;

base::Result<fs::path> LibraryLoader::copy(const fs::path& file) {
  std::error_code ec;
  if (!fs::is_regular_file(file, ec)) {
    return base::error("there is no plugin file " + file.string() + "; check its name and --plugin-dir");
  }
  if (!directory_) {
    auto made = PrivateDir::make();
    if (!made) return made.error();
    directory_.emplace(std::move(*made));
  }
  fs::path to = directory_->path() / (std::to_string(next_++) + "-" + file.filename().string());
  if (!fs::copy_file(file, to, ec)) {
    std::error_code ignored;
    fs::remove(to, ignored);
    return base::error("cannot copy the plugin " + file.string() + " to " + directory_->path().string() + ": " +
                       ec.message() + "; check its permissions and the space there");
  }
  return to;
}

base::Result<fs::path> LibraryLoader::keep(const fs::path& copy, const std::string& name) {
  const fs::path to = directory_->path() / name;
  std::error_code ec;
  fs::remove(to, ec);
  fs::create_hard_link(copy, to, ec);
  if (ec) return base::error("cannot keep " + copy.string() + ": " + ec.message());
  return to;
}

void LibraryLoader::hold_needed(const fs::path& copy) {
  const auto file = ElfFile::open(copy);
  const auto needed = file ? file->needed() : base::Result<std::vector<std::string>>(std::vector<std::string>{});
  if (!needed) return;
  for (const auto& name : *needed) {
    if (name.empty() || !tried_.insert(name).second) continue;
    boost::dll::fs::error_code ec;
    boost::dll::shared_library library;
    library.load(name, ec, boost::dll::load_mode::rtld_now | boost::dll::load_mode::search_system_folders);
    if (library.is_loaded()) held_->libraries.push_back(std::move(library));
    // What is not found here may be found through the plugin's own run path; else its loading says what is missing.
  }
}

base::Result<Library> LibraryLoader::open(const fs::path& copy, const std::string& label) {
  auto library = open_in_place(copy, label);
  if (library) {
    library->owns_file_ = true;
  } else {
    std::error_code ignored;
    fs::remove(copy, ignored);
  }
  return library;
}

base::Result<Library> LibraryLoader::open_in_place(const fs::path& copy, const std::string& label) {
  hold_needed(copy);
  const auto refuse = [&](const std::string& why) { return base::error(label + " is refused: " + why); };
  auto handle = std::make_unique<Library::Handle>();
  try {
    handle->library.load(copy, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& e) {
    std::string why = e.what();
    static constexpr std::string_view kMarker = "dlerror system message: ";
    if (const auto at = why.find(kMarker); at != std::string::npos) {
      why = why.substr(at + kMarker.size());
      why = why.substr(0, why.rfind(')'));
    }
    return refuse("it cannot be loaded: " + with_cure(why));
  } catch (...) {
    return refuse("it cannot be loaded: a constructor of its global objects failed; look at its static initialisers");
  }
  if (!handle->library.has(CM_PLUGIN_SYMBOL)) {
    handle.reset();
    return refuse("it does not export the symbol " CM_PLUGIN_SYMBOL "; write CELLMESH_PLUGIN() in one of its sources");
  }
  const auto& plugin = handle->library.get<const cm_plugin>(CM_PLUGIN_SYMBOL);
  if (const auto why = why_unusable(plugin); !why.empty()) {
    handle.reset();
    return refuse(why + "; build it again with this host's SDK");
  }
  Library library(std::move(handle), copy, &plugin);
  library.owns_file_ = false;
  return library;
}

}  // namespace cm::plugin
