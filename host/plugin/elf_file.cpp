#include "plugin/elf_file.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace cm::plugin {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
constexpr std::string_view kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
constexpr std::string_view kMachineName = "AArch64";
#else
#error "name this machine here"
#endif

constexpr std::size_t kMaxTable = 64U << 20U;
constexpr std::string_view kBuildHint = "build it with cellmesh_add_plugin()";

std::string machine_name(Elf64_Half machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "AArch64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "ARM";
    default:
      return "machine type " + std::to_string(machine);
  }
}

std::string_view c_string(const std::string& table, std::uint64_t offset) {
  if (offset >= table.size()) return {};
  const std::size_t end = table.find('\0', offset);
  if (end == std::string::npos) return {};
  return std::string_view(table).substr(offset, end - offset);
}

}  // namespace

base::Result<ElfFile> ElfFile::open(const std::filesystem::path& path) {
  const std::string label = path.filename().string();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0) {
    const std::string why = std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return base::error("cannot read the plugin " + path.string() + ": " + why +
                       "; check its name, its permissions and --plugin-dir");
  }
  ElfFile file(fd, label, static_cast<std::uint64_t>(info.st_size));
  if (!S_ISREG(info.st_mode)) return base::error(path.string() + " is no file; give the path of a plugin's .so");
  if (auto status = file.read_headers(); !status) return status.error();
  return file;
}

ElfFile::ElfFile(ElfFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      label_(std::move(other.label_)),
      size_(other.size_),
      sections_(std::move(other.sections_)),
      executable_stack_(other.executable_stack_) {}

ElfFile::~ElfFile() {
  if (fd_ >= 0) ::close(fd_);
}

base::Error ElfFile::cut_short(std::string_view what) const {
  return base::error(label_ + " is cut short or damaged (" + std::string(what) + " lies outside of its " +
                     std::to_string(size_) + " bytes); copy it again");
}

bool ElfFile::read(std::uint64_t offset, void* out, std::size_t size) const {
  auto* to = static_cast<char*>(out);
  while (size != 0) {
    const ssize_t n = ::pread(fd_, to, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    offset += static_cast<std::uint64_t>(n);
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

base::Status ElfFile::read_headers() {
  std::array<unsigned char, EI_NIDENT> ident{};
  const std::string no_library = label_ + " is not a shared library (it has no ELF header); " + std::string(kBuildHint);
  if (!inside(0, ident.size()) || !read(0, ident.data(), ident.size())) return base::error(no_library);
  if (std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) return base::error(no_library);
  if (ident[EI_CLASS] != ELFCLASS64) {
    return base::error(label_ + " is a 32-bit library and this host is 64-bit; build it for " +
                       std::string(kMachineName));
  }
  if (ident[EI_DATA] != ELFDATA2LSB) {
    return base::error(label_ + " is built for a big-endian machine; build it for " + std::string(kMachineName));
  }
  Elf64_Ehdr head{};
  if (!inside(0, sizeof head) || !read(0, &head, sizeof head)) return cut_short("its ELF header");
  if (head.e_machine != kMachine) {
    return base::error(label_ + " is built for " + machine_name(head.e_machine) + " and this host runs on " +
                       std::string(kMachineName) + "; build it for " + std::string(kMachineName));
  }
  if (head.e_type != ET_DYN) {
    return base::error(label_ + " is an object file or a program, not a shared library; " + std::string(kBuildHint));
  }
  if (head.e_shoff == 0) {
    return base::error(label_ + " has no section headers, so its manifest cannot be read; do not strip them");
  }
  if (head.e_phentsize != sizeof(Elf64_Phdr) || head.e_shentsize != sizeof(Elf64_Shdr)) {
    return base::error(label_ + " is damaged (its header tables have another shape); copy it again");
  }
  if (auto status = check_segments(head.e_phoff, head.e_phnum); !status) return status;
  return read_sections(head.e_shoff, head.e_shnum, head.e_shstrndx);
}

// What the loader will map must be there: a mapped page past the file's end is a SIGBUS in the middle of dlopen.
base::Status ElfFile::check_segments(std::uint64_t offset, std::uint16_t count) {
  if (!inside(offset, std::uint64_t{count} * sizeof(Elf64_Phdr))) return cut_short("its program header table");
  for (std::uint16_t i = 0; i < count; ++i) {
    Elf64_Phdr segment{};
    if (!read(offset + std::uint64_t{i} * sizeof segment, &segment, sizeof segment)) return cut_short("a header");
    if (segment.p_type == PT_LOAD && !inside(segment.p_offset, segment.p_filesz)) return cut_short("a segment");
    if (segment.p_type == PT_GNU_STACK) executable_stack_ = (segment.p_flags & PF_X) != 0;
  }
  return {};
}

base::Status ElfFile::read_sections(std::uint64_t offset, std::uint64_t count, std::uint32_t names) {
  Elf64_Shdr first{};
  if (!inside(offset, sizeof first) || !read(offset, &first, sizeof first)) {
    return cut_short("its section header table");
  }
  if (count == 0) count = first.sh_size;  // more than 65,279 sections: the first header says
  if (names == SHN_XINDEX) names = first.sh_link;
  if (count > kMaxTable / sizeof(Elf64_Shdr) || !inside(offset, count * sizeof(Elf64_Shdr))) {
    return cut_short("its section header table");
  }
  std::vector<Elf64_Shdr> headers(count);
  if (count == 0 || !read(offset, headers.data(), count * sizeof(Elf64_Shdr))) {
    return cut_short("its section header table");
  }
  if (names >= count) return cut_short("its table of section names");
  for (const auto& h : headers) sections_.push_back({{}, h.sh_type, h.sh_link, h.sh_offset, h.sh_size});
  const auto table = bytes_of(sections_[names], kMaxTable);
  if (!table) return table.error();
  for (std::size_t i = 0; i < headers.size(); ++i) sections_[i].name = c_string(*table, headers[i].sh_name);
  return {};
}

base::Result<std::string> ElfFile::bytes_of(const Section& section, std::size_t max_bytes) const {
  if (section.type == SHT_NOBITS) return std::string{};
  if (!inside(section.offset, section.size)) return cut_short("the section " + section.name);
  if (section.size > max_bytes) {
    return base::error(label_ + " is refused: its section " + section.name + " has " + std::to_string(section.size) +
                       " bytes and at most " + std::to_string(max_bytes) + " are allowed");
  }
  std::string bytes(section.size, '\0');
  if (!read(section.offset, bytes.data(), bytes.size())) return cut_short("the section " + section.name);
  return bytes;
}

base::Result<std::optional<std::string>> ElfFile::section(std::string_view name, std::size_t max_bytes) const {
  for (const auto& section : sections_) {
    if (section.name != name) continue;
    auto bytes = bytes_of(section, max_bytes);
    if (!bytes) return bytes.error();
    return std::optional<std::string>(std::move(*bytes));
  }
  return std::optional<std::string>{};
}

template <class Entry, class Visit>
base::Status ElfFile::for_each(std::uint32_t type, Visit&& visit) const {
  for (const auto& section : sections_) {
    if (section.type != type) continue;
    if (section.link >= sections_.size()) return cut_short("a table of names");
    const auto entries = bytes_of(section, kMaxTable);
    if (!entries) return entries.error();
    const auto strings = bytes_of(sections_[section.link], kMaxTable);
    if (!strings) return strings.error();
    for (std::size_t at = 0; at + sizeof(Entry) <= entries->size(); at += sizeof(Entry)) {
      Entry entry{};
      std::memcpy(&entry, entries->data() + at, sizeof entry);
      if (!visit(entry, *strings)) break;
    }
  }
  return {};
}

base::Result<ElfFile::Dynamic> ElfFile::dynamic() const {
  Dynamic dynamic;
  auto status = for_each<Elf64_Dyn>(SHT_DYNAMIC, [&](const Elf64_Dyn& entry, const std::string& names) {
    if (dynamic.entries.empty()) dynamic.names = names;
    if (entry.d_tag != DT_NULL) dynamic.entries.emplace_back(entry.d_tag, entry.d_un.d_val);
    return entry.d_tag != DT_NULL;
  });
  if (!status) return status.error();
  for (const auto& section : sections_) {
    if (section.type == SHT_DYNAMIC) dynamic.names_offset = sections_[section.link].offset;
  }
  return dynamic;
}

std::string ElfFile::Dynamic::text(std::int64_t tag) const {
  for (const auto& [entry, value] : entries) {
    if (entry == tag) return std::string(c_string(names, value));
  }
  return {};
}

base::Result<std::vector<std::string>> ElfFile::needed() const {
  const auto dynamic = this->dynamic();
  if (!dynamic) return dynamic.error();
  std::vector<std::string> names;
  for (const auto& [tag, value] : dynamic->entries) {
    if (tag == DT_NEEDED) names.emplace_back(c_string(dynamic->names, value));
  }
  return names;
}

bool ElfFile::stays_loaded() const {
  const auto dynamic = this->dynamic();
  return dynamic && std::any_of(dynamic->entries.begin(), dynamic->entries.end(), [](const auto& entry) {
           return entry.first == DT_FLAGS_1 && (entry.second & DF_1_NODELETE) != 0;
         });
}

bool ElfFile::imports(std::string_view name) const {
  bool found = false;
  (void)for_each<Elf64_Sym>(SHT_DYNSYM, [&](const Elf64_Sym& symbol, const std::string& names) {
    found = symbol.st_shndx == SHN_UNDEF && c_string(names, symbol.st_name) == name;
    return !found;
  });
  return found;
}

std::string ElfFile::function_at(std::uint64_t address) const {
  std::string name;
  (void)for_each<Elf64_Sym>(SHT_SYMTAB, [&](const Elf64_Sym& symbol, const std::string& names) {
    const bool covers = ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF &&
                        address >= symbol.st_value &&
                        address - symbol.st_value < std::max<std::uint64_t>(symbol.st_size, 1);
    if (covers) name = c_string(names, symbol.st_name);
    return !covers;
  });
  return demangled(name);
}

base::Result<std::vector<ElfFile::Symbol>> ElfFile::exports() const {
  std::vector<Symbol> symbols;
  auto status = for_each<Elf64_Sym>(SHT_DYNSYM, [&](const Elf64_Sym& symbol, const std::string& strings) {
    const auto bind = ELF64_ST_BIND(symbol.st_info);
    const auto visibility = ELF64_ST_VISIBILITY(symbol.st_other);
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || bind == STB_LOCAL) return true;
    if (visibility != STV_DEFAULT && visibility != STV_PROTECTED) return true;
    symbols.push_back({std::string(c_string(strings, symbol.st_name)), bind == STB_GNU_UNIQUE});
    return true;
  });
  if (!status) return status.error();
  return symbols;
}

std::string ElfFile::pins() const {
  std::string why;
  const auto add = [&](const std::string& words) { why.append(why.empty() ? "" : "; ").append(words); };
  if (stays_loaded()) add("it is linked with -z nodelete");
  std::size_t unique = 0;
  bool thread_exit = false;
  bool thread_data = false;
  (void)for_each<Elf64_Sym>(SHT_DYNSYM, [&](const Elf64_Sym& symbol, const std::string& strings) {
    const std::string name(c_string(strings, symbol.st_name));
    if (ELF64_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE && unique++ == 0) {
      add("its symbol " + name + ", which is unique in the process; compile with -fno-gnu-unique");
    }
    thread_exit = thread_exit || (symbol.st_shndx == SHN_UNDEF && name.starts_with("__cxa_thread_atexit"));
    return true;
  });
  for (const auto& section : sections_)
    thread_data = thread_data || section.name == ".tbss" || section.name == ".tdata";
  if (thread_exit && thread_data) add("a thread_local object with a destructor, made on a thread that still lives");
  return why;
}

std::string ElfFile::build_id() const {
  const auto note = section(".note.gnu.build-id", 4096);
  if (!note || !*note || (*note)->size() < sizeof(Elf64_Nhdr)) return {};
  const std::string& bytes = **note;
  Elf64_Nhdr head{};
  std::memcpy(&head, bytes.data(), sizeof head);
  const std::uint64_t start = sizeof head + ((std::uint64_t{head.n_namesz} + 3U) & ~std::uint64_t{3});
  if (start > bytes.size() || head.n_descsz > bytes.size() - start) return {};
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (std::uint64_t i = start; i < start + head.n_descsz; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    hex.append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 15U]);
  }
  return hex;
}

std::string demangled(const std::string& name) {
  int failed = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &failed),
                                                    std::free);
  return failed == 0 && text ? std::string(text.get()) : name;
}

}  // namespace cm::plugin
