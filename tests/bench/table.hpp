#pragma once

#include <string>
#include <vector>

namespace cm::bench {

// Rows of text in columns that line up: the first to the left, numbers to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void rule() { rows_.emplace_back(); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // an empty one is a line across
};

// 12345.6 -> "12,346"; with decimals below a thousand.
std::string number(double value, int decimals = 0);

}  // namespace cm::bench
