#include "cli/render.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cli/table.hpp"
#include "cli/text.hpp"

namespace cm::cli {
namespace json = boost::json;

namespace {

std::string heading(std::string_view key) {
  std::string out(key);
  for (char& c : out) c = c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string decimal(double number) {
  std::array<char, 40> out{};
  std::snprintf(out.data(), out.size(), std::abs(number) < 1e15 ? "%.3f" : "%.6g", number);
  return out.data();
}

bool names(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::string_view one = list.substr(0, list.find(','));
    if (one == word) return true;
    list.remove_prefix(std::min(list.size(), one.size() + 1));
  }
  return false;
}

void add_lines(const json::object& object, const std::string& prefix,
               std::vector<std::pair<std::string, std::string>>& lines) {
  for (const auto& [key, value] : object) {
    std::string name(key);
    std::replace(name.begin(), name.end(), '_', ' ');
    if (const json::object* inner = value.if_object()) {
      add_lines(*inner, prefix + name + " ", lines);
    } else if (std::string cell = render_cell(value); !cell.empty()) {
      lines.emplace_back(prefix + name, std::move(cell));
    }
  }
}

std::string render_object(const json::object& object) {
  std::vector<std::pair<std::string, std::string>> lines;
  add_lines(object, "", lines);
  std::size_t column = 0;
  for (const auto& line : lines) column = std::max(column, display_width(line.first) + 2);
  std::string out;
  for (auto& [name, value] : lines) {
    name.append(column - display_width(name), ' ');
    out += name + value + "\n";
  }
  return out;
}

}  // namespace

std::string render_cell(const json::value& value) {
  if (value.is_null()) return "";
  if (value.is_bool()) return value.get_bool() ? "yes" : "no";
  if (value.is_string()) return printable(std::string_view(value.get_string()));
  if (value.is_double()) return decimal(value.get_double());
  if (const json::array* array = value.if_array()) {
    std::string out;
    for (const json::value& one : *array) out += (out.empty() ? "" : ", ") + render_cell(one);
    return out;
  }
  return printable(json::serialize(value));
}

std::string render_table(const json::array& rows, std::string_view none, std::string_view left_out) {
  if (rows.empty()) return std::string(none) + "\n";
  std::vector<std::string> keys;
  for (const json::value& row : rows) {
    const json::object* object = row.if_object();
    if (object == nullptr) continue;
    for (const auto& member : *object) {
      const std::string key(member.key());
      if (!names(left_out, key) && std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  if (keys.empty()) {
    std::string lines;
    for (const json::value& row : rows) lines += render_cell(row) + "\n";
    return lines;
  }
  std::vector<std::string> headings;
  for (const auto& key : keys) headings.push_back(heading(key));
  Table table(std::move(headings));
  for (const json::value& row : rows) {
    const json::object* object = row.if_object();
    std::vector<std::string> cells;
    for (const auto& key : keys) {
      const json::value* cell = object != nullptr ? object->if_contains(key) : nullptr;
      cells.push_back(cell != nullptr ? render_cell(*cell) : "");
    }
    table.add(std::move(cells));
  }
  return table.text();
}

std::string render(const json::value& value) {
  if (const json::array* rows = value.if_array()) return render_table(*rows);
  if (const json::object* object = value.if_object()) return render_object(*object);
  return render_cell(value) + "\n";
}

}  // namespace cm::cli
