#pragma once

#include <string>
#include <vector>

namespace cm::cli {

// Rows in aligned columns under headings, for people. Columns that hold nothing but numbers stand to the right; those
// that hold nothing in any row are left out.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  // As many cells as there are headings; an empty one is shown as "-".
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // Lines with their ends; none when there is no row.
  [[nodiscard]] std::string text() const;

 private:
  const std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace cm::cli
