#pragma once

#include <elf.h>

#include <string>
#include <vector>

namespace cm::test {

// A 64-bit ELF file, trusted: it was just built.
class ElfView {
 public:
  explicit ElfView(const std::string& path);

  // The bytes of a section; empty when there is none.
  [[nodiscard]] std::string section(const std::string& name) const;
  [[nodiscard]] const std::vector<Elf64_Sym>& dynamic_symbols() const { return symbols_; }
  [[nodiscard]] std::string name(const Elf64_Sym& symbol) const;
  // What it exports.
  [[nodiscard]] std::vector<std::string> exported() const;
  [[nodiscard]] std::vector<std::string> needed() const;

 private:
  std::string bytes_;
  std::string names_;
  std::vector<Elf64_Shdr> sections_;
  std::string strings_;
  std::vector<Elf64_Sym> symbols_;
};

}  // namespace cm::test
