#include "database.hpp"

#include <cellmesh/trimmed.hpp>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "postgres.hpp"
#include "sqlite.hpp"

namespace data {
namespace {

constexpr std::string_view sqlite_scheme = "sqlite:";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return std::string(cellmesh::trimmed(value != nullptr ? value : ""));
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// PostgreSQL's library takes an `@` or `/` in a password for the end of it, and what follows for a host, which it names
// in its errors.
bool has_one_user_part(std::string_view uri) {
  const std::string_view rest = uri.substr(uri.find("://") + 3);
  const std::size_t at = rest.find('@');
  return at == std::string_view::npos || (at < rest.find('/') && rest.find('@', at + 1) == std::string_view::npos);
}

std::string state_folder() {
  if (const std::string folder = environment("XDG_STATE_HOME"); !folder.empty()) return folder;
  if (const std::string home = environment("HOME"); !home.empty()) return home + "/.local/state";
  throw std::invalid_argument(
      "there is no place for a database: neither the setting `database` nor the environment (CELLMESH_DATABASE, "
      "XDG_STATE_HOME, HOME) says where; write sqlite:PATH or postgresql://USER@HOST/NAME into the setting");
}

}  // namespace

bool is_postgres(std::string_view database) {
  return database.starts_with("postgresql://") || database.starts_with("postgres://");
}

std::string database_of(const std::string& setting, std::string_view group) {
  std::string database = setting;
  if (database.empty()) database = environment("CELLMESH_DATABASE");
  if (database.empty()) {
    return std::string(sqlite_scheme) + state_folder() + "/cellmesh/" + std::string(group) + ".db";
  }
  if (std::any_of(database.begin(), database.end(), is_control)) {
    throw std::invalid_argument("CELLMESH_DATABASE has a control character in it; write it as one line");
  }
  if (database.starts_with(sqlite_scheme) && database.size() > sqlite_scheme.size()) return database;
  if (is_postgres(database) && has_one_user_part(database) && !shown_postgres(database).empty()) return database;
  // It is not repeated, nor what PostgreSQL says of it: there may be a password in it.
  throw std::invalid_argument(
      "the setting `database`, or CELLMESH_DATABASE in the environment where that is empty, names no database: write "
      "sqlite:PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME, other signs than letters and digits as %XX");
}

std::string shown(const std::string& database) { return is_postgres(database) ? shown_postgres(database) : database; }

std::unique_ptr<Storage> open(const std::string& database, std::chrono::milliseconds timeout, Missing missing) {
  if (is_postgres(database)) return open_postgres(database, timeout, missing);
  return open_sqlite(database.substr(sqlite_scheme.size()), timeout, missing);
}

}  // namespace data
