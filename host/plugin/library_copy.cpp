#include "plugin/library_copy.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "plugin/elf_file.hpp"

namespace cm::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCode = 3;  // characters of a library's name that become unique

base::Error os_error(const std::string& what) { return base::error(what + ": " + std::strerror(errno)); }

struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  [[nodiscard]] int release() { return std::exchange(fd, -1); }
  int fd;
};

// FNV-1a: tells two builds apart; nobody is kept out by it.
class Hash {
 public:
  void add(const char* bytes, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      value_ = (value_ ^ static_cast<unsigned char>(bytes[i])) * 0x100'0000'01b3U;
    }
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf2'9ce4'8422'2325U;
};

// Calls visit(bytes, size) for all of a file from its start; false if it cannot be read, or visit returns false.
template <class Visit>
bool read_all(int fd, Visit&& visit) {
  std::array<char, 65'536> buffer;
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0;
    if (!visit(buffer.data(), static_cast<std::size_t>(n))) return false;
    at += n;
  }
}

bool write_all(int fd, const char* bytes, std::size_t size) {
  while (size != 0) {
    const ssize_t n = ::write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

// The time of its last change is left out: that changes as well when another file takes its name.
bool same_content(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// ---- run paths

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    if (end > at) parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool replace_all(std::string& text, std::string_view from, std::string_view to) {
  bool found = false;
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
    found = true;
  }
  return found;
}

// A place where the dynamic loader looks for what a library needs.
struct Place {
  fs::path folder;
  bool origin = false;  // it depends on where the library lies
};

std::vector<Place> places_of(const std::string& run_path, const fs::path& file) {
  std::vector<Place> places;
  // The folder in which the file was found first, as the loader has it; then that of the file which a link leads to.
  std::error_code ec;
  std::vector<fs::path> folders{fs::absolute(file, ec).parent_path()};
  if (const auto real = fs::canonical(file, ec); !ec && real.parent_path() != folders.front()) {
    folders.push_back(real.parent_path());
  }
  for (const auto& part : split(run_path)) {
    for (const auto& folder : folders) {
      std::string text = part;
      bool origin = replace_all(text, "$ORIGIN", folder.string());
      origin = replace_all(text, "${ORIGIN}", folder.string()) || origin;
      places.push_back({text, origin});
      if (!origin) break;
    }
  }
  return places;
}

const Place* find_in(const std::vector<Place>& places, const std::string& name, fs::path& found) {
  for (const auto& place : places) {
    std::error_code ec;
    found = place.folder / name;
    if (fs::is_regular_file(found, ec)) return &place;
  }
  return nullptr;
}

// Returns true if the process began with a library of this name: then everybody shares it.
bool is_of_the_program(const std::string& name) {
  static const auto* names = [] {
    auto* all = new std::set<std::string>;
    const auto add = [](dl_phdr_info* info, std::size_t, void* to) {
      if (info->dlpi_name == nullptr || *info->dlpi_name == '\0') return 0;
      // Only what the program itself needs, not what was loaded since: that would be somebody else's.
      static_cast<std::set<std::string>*>(to)->insert(fs::path(info->dlpi_name).filename().string());
      return 0;
    };
    ::dl_iterate_phdr(add, all);
    return all;
  }();
  return names->contains(name);
}

// ---- names of their own

std::string unique_name(const std::string& name) {
  static std::atomic<unsigned> next{0};
  static constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::size_t n = next++;
  std::string unique = name;
  for (std::size_t i = kCode; i-- > 0; n /= kDigits.size()) unique[i] = kDigits[n % kDigits.size()];
  return unique;
}

// Puts `to` in the place of the string at `offset` and of each other one that is the same; it must not be longer. False
// if another string ends in it.
bool replace_string(std::string& table, std::size_t offset, const std::string& from, const std::string& to) {
  if (offset == 0 || table[offset - 1] != '\0') return false;
  const std::string whole = '\0' + from + '\0';
  const std::string other = '\0' + to + std::string(from.size() - to.size() + 1, '\0');
  for (std::size_t at = 0; (at = table.find(whole, at)) != std::string::npos; at += from.size() + 1) {
    table.replace(at, whole.size(), other);
  }
  return true;
}

// All that depends on the folder comes first: the copies lie side by side.
std::string moved_run_path(const std::string& run_path) {
  std::string moved = "$ORIGIN";
  for (const auto& part : split(run_path)) {
    if (part.find("$ORIGIN") == std::string::npos && part.find("${ORIGIN}") == std::string::npos) moved += ":" + part;
  }
  return moved;
}

// Gives a copied library, and what it needs, the names under which they lie in the copy's folder.
base::Status rename(const fs::path& copy, const std::map<std::string, std::string>& names) {
  auto file = ElfFile::open(copy);
  if (!file) return file.error();
  auto dynamic = file->dynamic();
  if (!dynamic) return dynamic.error();
  std::string table = dynamic->names;
  for (const auto& [tag, offset] : dynamic->entries) {
    const std::string text = offset < table.size() ? std::string(table.c_str() + offset) : std::string();
    std::string other = text;
    if (tag == DT_NEEDED || tag == DT_SONAME) {
      if (const auto it = names.find(text); it != names.end()) other = it->second;
    } else if (tag == DT_RUNPATH || tag == DT_RPATH) {
      other = moved_run_path(text);
      if (other.size() > text.size()) other = text;
    }
    if (other == text) continue;
    if (!replace_string(table, offset, text, other)) {
      return base::error("cannot give the library " + text + " of " + copy.filename().string() +
                         " a name of its own: another string ends in it; name it otherwise");
    }
  }
  const Descriptor out(::open(copy.c_str(), O_WRONLY | O_CLOEXEC));
  if (out.fd < 0 || ::lseek(out.fd, static_cast<off_t>(dynamic->names_offset), SEEK_SET) < 0 ||
      !write_all(out.fd, table.data(), table.size())) {
    return os_error("cannot write " + copy.string());
  }
  return {};
}

// `place`: where the file lies for $ORIGIN.
base::Result<NeededLibraries> find_needed_by(const fs::path& file, const fs::path& place) {
  struct Item {
    fs::path file;
    fs::path place;
    std::vector<Place> inherited;  // DT_RPATH of those that need it
  };
  NeededLibraries needed;
  std::set<std::string> seen;
  std::vector<Item> items{{file, place, {}}};
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item item = items[i];
    const auto elf = ElfFile::open(item.file);
    if (!elf) return elf.error();
    const auto dynamic = elf->dynamic();
    if (!dynamic) return dynamic.error();
    auto places = places_of(dynamic->text(DT_RUNPATH), item.place);
    auto inherited = item.inherited;
    if (places.empty()) {  // as the loader does: the old tag counts where the new one is not there
      places = places_of(dynamic->text(DT_RPATH), item.place);
      places.insert(places.end(), inherited.begin(), inherited.end());
      inherited = places;
    }
    for (const auto& [tag, offset] : dynamic->entries) {
      if (tag != DT_NEEDED || offset >= dynamic->names.size()) continue;
      const std::string name = dynamic->names.c_str() + offset;
      if (name.size() <= kCode || !seen.insert(name).second || is_of_the_program(name)) continue;
      fs::path found;
      const bool has_folder = name.find('/') != std::string::npos;
      const Place* where = has_folder ? nullptr : find_in(places, name, found);
      if (where != nullptr && where->origin) {
        needed.own.push_back({name, found});
        items.push_back({found, found, inherited});
      } else {
        needed.shared.push_back({name,
                                 has_folder         ? fs::path(name)
                                 : where != nullptr ? found
                                                    : fs::path(),
                                 item.place.filename().string()});
      }
    }
  }
  return needed;
}

}  // namespace

std::optional<std::uint64_t> hash_of(const fs::path& file) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  Hash hash;
  const auto add = [&](const char* bytes, std::size_t size) {
    hash.add(bytes, size);
    return true;
  };
  if (in.fd < 0 || !read_all(in.fd, add)) return std::nullopt;
  return hash.value();
}

base::Result<NeededLibraries> find_needed(const fs::path& file) { return find_needed_by(file, file); }

base::Result<std::shared_ptr<LibraryCopy>> LibraryCopy::make(const fs::path& file, const fs::path& folder,
                                                             const std::string& name) {
  std::error_code ec;
  if (!fs::is_regular_file(file, ec)) {
    return base::error("there is no plugin file " + file.string() + "; check its name and --plugin-dir");
  }
  if (::mkdir(folder.c_str(), 0700) != 0) return os_error("cannot make the folder " + folder.string());
  const std::shared_ptr<LibraryCopy> copy(new LibraryCopy(folder));
  if (auto status = copy->add(file, name); !status) return status.error();
  const auto needed = find_needed_by(copy->file(), file);
  if (!needed) return needed.error();
  std::map<std::string, std::string> names;
  for (const auto& own : needed->own) {
    names[own.name] = unique_name(own.name);
    if (auto status = copy->add(own.file, names[own.name]); !status) return status.error();
    // A library that is needed by another name than its own is renamed all the same.
    const auto elf = ElfFile::open(own.file);
    if (!elf) return elf.error();
    const auto dynamic = elf->dynamic();
    const std::string soname = dynamic ? dynamic->text(DT_SONAME) : std::string();
    if (soname.size() > kCode && !names.contains(soname)) names[soname] = unique_name(soname);
  }
  if (names.empty()) return copy;
  for (const auto& each : copy->files_) {
    if (auto status = rename(each.path, names); !status) return status.error();
  }
  return copy;
}

LibraryCopy::~LibraryCopy() {
  for (const auto& file : files_) ::close(file.fd);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

base::Status LibraryCopy::add(const fs::path& original, const std::string& name) {
  const fs::path to = folder_ / name;
  const auto failed = [&](const std::string& cure) {
    return base::error("cannot copy " + original.string() + " to " + folder_.string() + ": " + std::strerror(errno) +
                       "; " + cure);
  };
  const Descriptor in(::open(original.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat before {};
  if (in.fd < 0 || ::fstat(in.fd, &before) != 0) return failed("check its permissions");
  Descriptor out(::open(to.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700));
  if (out.fd < 0) return failed("see that the folder can be written to, or set TMPDIR to another");
  Hash hash;
  bool written = true;
  const bool done = read_all(in.fd, [&](const char* bytes, std::size_t size) {
    hash.add(bytes, size);
    written = write_all(out.fd, bytes, size);
    return written;
  });
  if (!written) return failed("make space there, or set TMPDIR to another folder");
  if (!done) return failed("copy it to the plugin folder again");
  struct stat after {};
  if (::fstat(in.fd, &after) != 0 || !same_content(before, after)) {
    return base::error(original.string() + " was changed while it was copied; try again once it is complete");
  }
  const int readable = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
  if (readable < 0) return failed("see that nobody removes files there");
  files_.push_back({to, original, hash.value(), readable});
  return {};
}

bool LibraryCopy::outdated() const {
  return std::any_of(files_.begin(), files_.end(), [](const File& file) {
    const auto now = hash_of(file.original);
    return now && *now != file.hash;
  });
}

bool LibraryCopy::made_of(const fs::path& original) const {
  std::error_code ec;
  return std::any_of(files_.begin(), files_.end(),
                     [&](const File& file) { return fs::equivalent(file.original, original, ec); });
}

base::Status LibraryCopy::restore() const {
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return os_error("cannot make " + folder_.string());
  for (const auto& file : files_) {
    struct stat there {};
    struct stat copied {};
    if (::stat(file.path.c_str(), &there) == 0 && ::fstat(file.fd, &copied) == 0 && there.st_size == copied.st_size) {
      continue;
    }
    const fs::path part = file.path.string() + ".part";
    Descriptor out(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0700));
    const bool written = out.fd >= 0 && read_all(file.fd, [&](const char* bytes, std::size_t size) {
                           return write_all(out.fd, bytes, size);
                         });
    if (!written || ::rename(part.c_str(), file.path.c_str()) != 0) {
      auto failure = os_error("cannot write " + file.path.string() + " again");
      ::unlink(part.c_str());
      return failure;
    }
  }
  return {};
}

void LibraryCopy::touch() const {
  for (const auto& file : files_) (void)::utimensat(AT_FDCWD, file.path.c_str(), nullptr, 0);
  (void)::utimensat(AT_FDCWD, folder_.c_str(), nullptr, 0);
}

}  // namespace cm::plugin
