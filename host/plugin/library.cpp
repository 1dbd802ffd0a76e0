#include "plugin/library.hpp"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
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

std::atomic<bool> left_running{false};

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

bool library_left_running() { return left_running; }

struct Library::Handle {
  boost::dll::shared_library library;
};

Library::Library(std::unique_ptr<Handle> handle, fs::path file, const cm_plugin* plugin)
    : handle_(std::move(handle)), file_(std::move(file)), plugin_(plugin), images_(images_of(file_)) {}
Library::Library(Library&&) noexcept = default;
Library::~Library() {
  if (unload() || !loaded()) return;
  if (runs_) left_running = true;
  leave_loaded();
}

bool Library::unload() {
  if (!handle_) return true;
  const auto stays = [this](const Leftovers& left) {
    pinned_by_ = left.text;
    runs_ = left.running;
    return !left.text.empty();
  };
  if (!destroyed_ && stays(Leftovers::before_destructors(images_, pinned_by_.empty()))) return false;
  run_destructors();
  // What stays mapped anyway keeps what it registered.
  std::vector<Image> leaving;
  std::copy_if(images_.begin(), images_.end(), std::back_inserter(leaving),
               [](const auto& image) { return !image.stays; });
  if (destroyed_ && stays(Leftovers::after_destructors(leaving))) return false;
  if (const auto handlers = reset_handlers(leaving); !handlers.empty()) {
    base::log(base::Room::plugin)
        .warn("a plugin left {}: taken back; take it back in stop or deinit file={}", handlers,
              base::log_value(file_.filename().string()));
  }
  handle_.reset();
  forget_registrations(leaving);
  if (!is_mapped(file_)) return true;
  const auto file = ElfFile::open(file_);
  pinned_by_ = file ? file->pins() : std::string();
  if (pinned_by_.empty()) pinned_by_ = "nothing that its file shows: somebody else opened it, or uses a symbol of it";
  return false;
}

// dlclose() would run them and unmap the library in one go. Between the two is the only moment at which everything that
// the plugin takes back by itself has been taken back and its code is still there.
void Library::run_destructors() {
  // A library that stays may use those that it needs for as long.
  if (destroyed_ || std::any_of(images_.begin(), images_.end(), [](const auto& image) { return image.stays; })) return;
  destroyed_ = std::all_of(images_.begin(), images_.end(), [](const auto& image) { return finish(image); });
}

// Code inside still runs, so its handle is never closed, and stays where a leak checker sees it.
void Library::leave_loaded() {
  static std::mutex mutex;
  static auto* kept = new std::vector<std::unique_ptr<Handle>>;
  const std::lock_guard lock(mutex);
  kept->push_back(std::move(handle_));
}

// ---- loading

struct LibraryLoader::Held {
  struct File {
    std::string path;  // that the process has mapped
    std::optional<std::uint64_t> hash;
  };
  std::vector<boost::dll::shared_library> libraries;
  std::map<std::string, File> files;  // by name as it is needed
};

LibraryLoader::LibraryLoader() : held_(std::make_unique<Held>()) {}

LibraryLoader::~LibraryLoader() = default;

base::Result<std::shared_ptr<LibraryCopy>> LibraryLoader::copy(const fs::path& file) {
  const auto needed = find_needed(file);
  if (!needed) return needed.error();
  if (auto status = check_shared(file, *needed); !status) return status.error();
  if (!directory_) {
    auto made = PrivateDir::make();
    if (!made) return made.error();
    directory_.emplace(std::move(*made));
  }
  if (auto status = directory_->restore(); !status) return status.error();
  const std::string number = std::to_string(next_++);
  std::string name = file.filename().string();
  // A copy of a copy, as a rollback makes it, has the name of the first.
  if (file.parent_path().parent_path() == directory_->path()) name.erase(0, name.find('-') + 1);
  auto copy = LibraryCopy::make(file, directory_->path() / number, number + "-" + name);
  if (copy) {
    std::erase_if(copies_, [](const auto& one) { return one.expired(); });
    copies_.push_back(*copy);
  }
  return copy;
}

void LibraryLoader::maintain() {
  static constexpr std::chrono::minutes kTouch{30};
  if (!directory_) return;
  auto status = directory_->restore();
  const auto now = std::chrono::steady_clock::now();
  const bool touch = now - touched_ > kTouch;
  if (touch) touched_ = now;
  for (const auto& one : copies_) {
    const auto copy = one.lock();
    if (!copy) continue;
    if (status) status = copy->restore();
    if (touch) copy->touch();
  }
  if (!status) base::log(base::Room::plugin).warn("{}", status.error().text);
}

void LibraryLoader::discard() { directory_.reset(); }

// What the dynamic loader would take for a name is what is loaded under it already, however old.
base::Status LibraryLoader::check_shared(const fs::path& file, const NeededLibraries& needed) {
  for (const auto& library : needed.shared) {
    const auto held = held_->files.find(library.name);
    if (held == held_->files.end() || !held->second.hash) continue;
    const fs::path now = library.file.empty() ? fs::path(held->second.path) : library.file;
    const auto hash = hash_of(now);
    if (!hash || *hash == *held->second.hash) continue;
    const bool direct = library.needed_by == file.filename();
    const std::string what = (direct ? "it" : "its library " + library.needed_by) + " needs " + library.name +
                             ", of which this process has loaded another build from " + held->second.path +
                             (now == held->second.path ? ", which has changed since" : " than " + now.string());
    // Those of the distribution change with its updates, and keep what they promise.
    if (library.file.empty() && (held->second.path.starts_with("/lib") || held->second.path.starts_with("/usr/lib"))) {
      base::log(base::Room::plugin)
          .warn("{}: {}; it runs with the old one until the host is started again", file.filename().string(), what);
      continue;
    }
    return base::error(file.filename().string() + " is refused: " + what +
                       "; restart the host, give the new build another file name, or put it beside the plugin and link "
                       "that with the run path $ORIGIN");
  }
  return {};
}

void LibraryLoader::hold_needed(const fs::path& file) {
  const auto needed = find_needed(file);
  if (!needed) return;
  for (const auto& library : needed->shared) {
    if (held_->files.contains(library.name)) continue;
    boost::dll::fs::error_code ec;
    boost::dll::shared_library opened;
    const auto path = library.file.empty() ? fs::path(library.name) : library.file;
    auto mode = boost::dll::load_mode::rtld_now;
    if (library.file.empty()) mode |= boost::dll::load_mode::search_system_folders;
    opened.load(path, ec, mode);
    if (!opened.is_loaded()) continue;  // loading the plugin says what is missing
    auto& held = held_->files[library.name];
    const link_map* map = nullptr;
    if (::dlinfo(opened.native(), RTLD_DI_LINKMAP, &map) == 0 && map != nullptr) held.path = map->l_name;
    held.hash = hash_of(held.path);
    held_->libraries.push_back(std::move(opened));
  }
}

base::Result<Library> LibraryLoader::open(const std::shared_ptr<LibraryCopy>& copy, const std::string& label) {
  auto library = open_in_place(copy->file(), label);
  if (library) library->copy_ = copy;
  return library;
}

base::Result<Library> LibraryLoader::open_in_place(const fs::path& file, const std::string& label) {
  hold_needed(file);
  remember_handlers();
  const auto refuse = [&](const std::string& why) { return base::error(label + " is refused: " + why); };
  auto handle = std::make_unique<Library::Handle>();
  try {
    handle->library.load(file, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
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
    Library(std::move(handle), file, nullptr).unload();
    return refuse("it does not export the symbol " CM_PLUGIN_SYMBOL "; write CELLMESH_PLUGIN() in one of its sources");
  }
  const auto& plugin = handle->library.get<const cm_plugin>(CM_PLUGIN_SYMBOL);
  Library library(std::move(handle), file, &plugin);
  if (const auto why = why_unusable(plugin); !why.empty()) return refuse(why + "; build it again with this host's SDK");
  return library;
}

}  // namespace cm::plugin
