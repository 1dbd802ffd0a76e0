#pragma once

#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace cm::cli {

// An answer of a host, for people: an array of objects becomes a table with their keys as headings, an object a list of
// `key  value`, a text itself.
std::string render(const boost::json::value& value);

// One table of an array's objects; `none` when it is empty. Keys named in `left_out` (comma-separated) get no column.
std::string render_table(const boost::json::array& rows, std::string_view none = "none",
                         std::string_view left_out = "");

// One value within a line.
std::string render_cell(const boost::json::value& value);

}  // namespace cm::cli
