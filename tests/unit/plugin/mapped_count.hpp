#pragma once

#include <link.h>

#include <string>
#include <string_view>
#include <utility>

namespace cm::plugin::test {

// How many libraries are mapped whose file's name ends so: tests before may have left some for ever.
inline int mapped_count(const std::string& file) {
  std::pair<std::string, int> count{"-" + file, 0};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& [wanted, n] = *static_cast<std::pair<std::string, int>*>(data);
        n += std::string_view(info->dlpi_name).ends_with(wanted) ? 1 : 0;
        return 0;
      },
      &count);
  return count.second;
}

}  // namespace cm::plugin::test
