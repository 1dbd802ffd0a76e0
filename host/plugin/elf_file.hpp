#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace cm::plugin {

// A shared library as a file: its sections are read, its code is not run. Everything that the file says of itself is
// checked against its size, so a truncated or hostile one is refused with a sentence.
class ElfFile {
 public:
  static base::Result<ElfFile> open(const std::filesystem::path& path);
  ElfFile(ElfFile&& other) noexcept;
  ElfFile& operator=(ElfFile&&) = delete;
  ~ElfFile();

  // The bytes of a section; nullopt when there is none of that name.
  [[nodiscard]] base::Result<std::optional<std::string>> section(std::string_view name, std::size_t max_bytes) const;
  // Names of the libraries that it needs, in order.
  [[nodiscard]] base::Result<std::vector<std::string>> needed() const;
  // What the dynamic loader reads: the entries of its dynamic section, and the strings that some of them name by
  // offset.
  struct Dynamic {
    std::vector<std::pair<std::int64_t, std::uint64_t>> entries;  // tag and value
    std::string names;
    std::uint64_t names_offset = 0;  // in the file

    // Returns the string that the first entry with this tag names; empty if there is none.
    [[nodiscard]] std::string text(std::int64_t tag) const;
  };
  [[nodiscard]] base::Result<Dynamic> dynamic() const;
  // Returns the name of the function that covers an address in the file's own numbering, demangled; empty if its
  // symbols were stripped.
  [[nodiscard]] std::string function_at(std::uint64_t address) const;
  // Returns true if it imports a symbol of this name.
  [[nodiscard]] bool imports(std::string_view name) const;
  // What in it keeps dlclose() from unmapping it, as words for a person ("its symbol X, which is unique in the
  // process"); empty when nothing is seen.
  [[nodiscard]] std::string pins() const;
  // What it offers to others, in the order of its table.
  struct Symbol {
    std::string name;
    bool unique = false;  // one for the whole process, whoever brings it
  };
  [[nodiscard]] base::Result<std::vector<Symbol>> exports() const;
  // It was linked to stay where it was loaded (-z nodelete).
  [[nodiscard]] bool stays_loaded() const;
  // It asks for stacks whose bytes can be run as code.
  [[nodiscard]] bool executable_stack() const { return executable_stack_; }
  // In hex; empty when it has none.
  [[nodiscard]] std::string build_id() const;

 private:
  struct Section {
    std::string name;
    std::uint32_t type = 0;
    std::uint32_t link = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  ElfFile(int fd, std::string label, std::uint64_t size) : fd_(fd), label_(std::move(label)), size_(size) {}
  base::Status read_headers();
  base::Status check_segments(std::uint64_t offset, std::uint16_t count);
  base::Status read_sections(std::uint64_t offset, std::uint64_t count, std::uint32_t names);
  [[nodiscard]] bool inside(std::uint64_t offset, std::uint64_t size) const {
    return offset <= size_ && size <= size_ - offset;
  }
  [[nodiscard]] bool read(std::uint64_t offset, void* out, std::size_t size) const;
  // Calls visit(entry, names) for each entry of the sections of a type, `names` being its string table.
  template <class Entry, class Visit>
  [[nodiscard]] base::Status for_each(std::uint32_t type, Visit&& visit) const;
  [[nodiscard]] base::Result<std::string> bytes_of(const Section& section, std::size_t max_bytes) const;
  [[nodiscard]] base::Error cut_short(std::string_view what) const;

  int fd_;
  std::string label_;
  std::uint64_t size_;
  std::vector<Section> sections_;
  bool executable_stack_ = false;
};

// Returns the name of a C++ function or type as a person writes it; other names as they are.
std::string demangled(const std::string& name);

}  // namespace cm::plugin
