#include "cli/table.hpp"

#include <algorithm>
#include <cctype>

#include "cli/text.hpp"

namespace cm::cli {
namespace {

constexpr std::size_t kGap = 2;

bool is_number(const std::string& cell) {
  return !cell.empty() &&
         std::all_of(cell.begin(), cell.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-'; }) &&
         std::any_of(cell.begin(), cell.end(), [](char c) { return c >= '0' && c <= '9'; });
}

struct Column {
  std::size_t index = 0;
  std::size_t width = 0;
  bool right = true;
};

void append(std::string& line, const std::string& cell, const Column& column) {
  const std::size_t width = display_width(cell);
  const std::string padding(column.width > width ? column.width - width : 0, ' ');
  line += column.right ? padding + cell : cell + padding;
  line.append(kGap, ' ');
}

void end_line(std::string& out, std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + "\n";
}

}  // namespace

std::string Table::text() const {
  if (rows_.empty()) return "";
  std::vector<Column> columns;
  for (std::size_t i = 0; i < headings_.size(); ++i) {
    Column column{i, display_width(headings_[i]), true};
    bool empty = true;
    for (const auto& row : rows_) {
      column.width = std::max(column.width, display_width(row[i]));
      if (row[i].empty()) continue;
      empty = false;
      column.right = column.right && is_number(row[i]);
    }
    if (!empty) columns.push_back(column);
  }
  std::string out;
  std::string line;
  for (const Column& column : columns) append(line, headings_[column.index], column);
  end_line(out, std::move(line));
  for (const auto& row : rows_) {
    line.clear();
    for (const Column& column : columns) append(line, row[column.index].empty() ? "-" : row[column.index], column);
    end_line(out, std::move(line));
  }
  return out;
}

}  // namespace cm::cli
