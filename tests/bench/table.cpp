#include "bench/table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace cm::bench {

std::string number(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", value < 1000 ? decimals : 0, value);
  std::string digits = text;
  const auto point = digits.find('.');
  auto end = static_cast<std::ptrdiff_t>(point == std::string::npos ? digits.size() : point);
  for (end -= 3; end > (value < 0 ? 1 : 0); end -= 3) digits.insert(static_cast<std::size_t>(end), ",");
  return digits;
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t across = 0;
  for (const auto width : widths) across += width + 2;
  std::string out;
  for (const auto& row : rows_) {
    if (row.empty()) out.append(across - 2, '-');
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap(widths[i] - row[i].size(), ' ');
      out += i == 0 ? row[i] + gap : "  " + gap + row[i];
    }
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
  }
  return out;
}

}  // namespace cm::bench
