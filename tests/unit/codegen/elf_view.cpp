#include "elf_view.hpp"

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace cm::test {

namespace {

template <typename T>
std::vector<T> as(const std::string& bytes) {
  std::vector<T> items(bytes.size() / sizeof(T));
  std::memcpy(items.data(), bytes.data(), items.size() * sizeof(T));
  return items;
}

}  // namespace

ElfView::ElfView(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  bytes_.assign(std::istreambuf_iterator<char>(file), {});
  Elf64_Ehdr head{};
  if (bytes_.size() < sizeof head) throw std::runtime_error(path + " is no ELF file");
  std::memcpy(&head, bytes_.data(), sizeof head);
  sections_ = as<Elf64_Shdr>(bytes_.substr(head.e_shoff, head.e_shnum * sizeof(Elf64_Shdr)));
  const auto& names = sections_.at(head.e_shstrndx);
  names_ = bytes_.substr(names.sh_offset, names.sh_size);
  strings_ = section(".dynstr");
  symbols_ = as<Elf64_Sym>(section(".dynsym"));
}

std::string ElfView::section(const std::string& name) const {
  for (const auto& s : sections_) {
    if (name == names_.c_str() + s.sh_name) return bytes_.substr(s.sh_offset, s.sh_size);
  }
  return {};
}

std::string ElfView::name(const Elf64_Sym& symbol) const { return strings_.c_str() + symbol.st_name; }

std::vector<std::string> ElfView::exported() const {
  std::vector<std::string> names;
  for (const auto& s : symbols_) {
    if (s.st_shndx != SHN_UNDEF) names.push_back(name(s));
  }
  return names;
}

std::vector<std::string> ElfView::needed() const {
  std::vector<std::string> names;
  for (const auto& d : as<Elf64_Dyn>(section(".dynamic"))) {
    if (d.d_tag == DT_NEEDED) names.emplace_back(strings_.c_str() + d.d_un.d_val);
  }
  return names;
}

}  // namespace cm::test
