#pragma once

namespace data {

// A step from one schema to the next, run once in a transaction of its own. Their numbers begin at 1 and have no gaps;
// what was released is never changed, only followed by another.
struct Migration {
  const char* name;
  const char* sql;
};

// Which of them ran.
constexpr const char* migrations_table =
    "CREATE TABLE IF NOT EXISTS cellmesh_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)";

}  // namespace data
