#include "postgres.hpp"

#include <array>
#include <cstdlib>
#include <map>
#include <utility>

#include "migrations.hpp"
#include "pg_session.hpp"

namespace data {
namespace {

constexpr std::array migrations{
    Migration{"rows",
              "CREATE TABLE data_rows (tbl text COLLATE \"C\" NOT NULL, key text COLLATE \"C\" NOT NULL,"
              " version bigint NOT NULL, value bytea NOT NULL, PRIMARY KEY (tbl, key)) WITH (fillfactor = 80)"},
};

struct Prepared {
  const char* name;
  const char* text;
};
constexpr Prepared load_rows{
    "load",
    "SELECT r.tbl, r.key, r.version, r.value FROM unnest($1::text[], $2::text[]) AS k (tbl, key)"
    " JOIN data_rows r ON r.tbl = k.tbl AND r.key = k.key"};
// Everybody locks rows in the same order.
constexpr Prepared lock_rows{
    "lock",
    "SELECT r.tbl, r.key, r.version FROM unnest($1::text[], $2::text[]) AS k (tbl, key)"
    " JOIN data_rows r ON r.tbl = k.tbl AND r.key = k.key ORDER BY r.tbl, r.key FOR UPDATE OF r"};
constexpr Prepared insert_rows{"insert",
                               "INSERT INTO data_rows (tbl, key, version, value)"
                               " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])"};
constexpr Prepared update_rows{
    "update",
    "UPDATE data_rows r SET version = n.version, value = n.value"
    " FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) AS n (tbl, key, version, value)"
    " WHERE r.tbl = n.tbl AND r.key = n.key"};
constexpr Prepared remove_rows{"remove",
                               "DELETE FROM data_rows r USING unnest($1::text[], $2::text[]) AS n (tbl, key)"
                               " WHERE r.tbl = n.tbl AND r.key = n.key"};
// At most two rows more than have room come over the wire.
#define CELLMESH_DATA_LIST(order)                                                                   \
  "SELECT key, version, value FROM (SELECT key, version, value,"                                    \
  " coalesce(sum(octet_length(key) + octet_length(value)) OVER (ORDER BY key " order                \
  " ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING), 0) AS before"                                \
  " FROM data_rows WHERE tbl = $1::text AND key >= $2::text AND key < $3::text ORDER BY key " order \
  " LIMIT $4::bigint) AS page WHERE before <= $5::bigint ORDER BY key " order
constexpr Prepared list_rows{"list", CELLMESH_DATA_LIST("ASC")};
constexpr Prepared list_rows_backwards{"list_backwards", CELLMESH_DATA_LIST("DESC")};
#undef CELLMESH_DATA_LIST

constexpr const char* gone =
    " has no tables of cellmesh any more; put a backup in its place, or restart this host to begin with an empty one";

// Of those who bring the schema up to date, one at a time.
constexpr const char* lock_schema = "SELECT pg_advisory_xact_lock(4935945191598061)";

// The statements are few, and a plan that reads the whole table is never right; what is answered is on disk.
std::string session_settings(std::chrono::milliseconds timeout) {
  const std::string ms = std::to_string(timeout.count());
  return "SET statement_timeout = " + ms + "; SET lock_timeout = " + ms +
         "; SET idle_in_transaction_session_timeout = " + std::to_string(3 * timeout.count()) +
         "; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
         "; SET plan_cache_mode = force_generic_plan"
         "; SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
}

// Keys as two columns.
struct Columns {
  explicit Columns(std::span<const Key> keys) {
    for (const Key& key : keys) add(key);
  }
  Columns() = default;
  void add(const Key& key) {
    tables.push_back(key.table);
    names.push_back(key.key);
  }
  void add(const Change& change) {
    add(change.key);
    versions.push_back(change.version);
    values.push_back(change.value);
  }
  [[nodiscard]] PgParams keys() const {
    PgParams params;
    params.texts(tables).texts(names);
    return params;
  }
  [[nodiscard]] PgParams rows() const {
    PgParams params = keys();
    params.numbers(versions).blobs(values);
    return params;
  }
  std::vector<std::string_view> tables;
  std::vector<std::string_view> names;
  std::vector<std::uint64_t> versions;
  std::vector<std::string_view> values;
};

class Postgres final : public Storage {
 public:
  Postgres(const std::string& uri, std::chrono::milliseconds timeout, Missing missing) : session_(uri, timeout) {
    const char* encoding = session_.parameter("server_encoding");
    if (encoding != nullptr && std::string_view(encoding) != "UTF8") {
      throw Failure(Trouble::refused, std::string("the database has the encoding ") + encoding +
                                          "; make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0");
    }
    static_cast<void>(session_.run(session_settings(timeout)));
    if (missing == Missing::refuse && schema() == 0) {
      throw Failure(Trouble::refused, "the database " + shown_postgres(uri) + gone);
    }
    migrate();
    session_.enter_pipeline();
    std::vector<PgQuery> names;
    std::vector<const char*> texts;
    for (const Prepared& one :
         {load_rows, lock_rows, insert_rows, update_rows, remove_rows, list_rows, list_rows_backwards}) {
      names.push_back({one.name});
      texts.push_back(one.text);
    }
    session_.prepare(names, texts);
  }

  std::vector<Row> load(std::span<const Key> keys) override {
    const std::array queries{PgQuery{load_rows.name, Columns(keys).keys()}};
    const auto results = session_.run(queries);
    const PGresult* result = results.front().get();
    std::vector<Row> rows;
    for (int i = 0; i < PQntuples(result); ++i) {
      rows.push_back({{std::string(pg_bytes(result, i, 0)), std::string(pg_bytes(result, i, 1))},
                      pg_number(result, i, 2),
                      std::string(pg_bytes(result, i, 3))});
    }
    return rows;
  }

  Page list(const ListQuery& query) override {
    const KeyRange range = range_of(query);
    PgQuery one{query.backwards ? list_rows_backwards.name : list_rows.name};
    one.params.text(query.table).text(range.first).text(range.end).number(query.rows + 1).number(query.bytes);
    const auto results = session_.run({&one, 1});
    const PGresult* result = results.front().get();
    PageMaker page(query);
    for (int i = 0; i < PQntuples(result); ++i) {
      if (!page.add(pg_bytes(result, i, 0), pg_number(result, i, 1), pg_bytes(result, i, 2))) break;
    }
    return page.take();
  }

  std::vector<std::uint64_t> begin(std::span<const Key> keys) override {
    const std::array queries{PgQuery{"BEGIN", {}, true}, PgQuery{lock_rows.name, Columns(keys).keys()}};
    const auto results = session_.run(queries);
    const PGresult* result = results.back().get();
    std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> found;
    for (int i = 0; i < PQntuples(result); ++i) {
      found[{pg_bytes(result, i, 0), pg_bytes(result, i, 1)}] = pg_number(result, i, 2);
    }
    std::vector<std::uint64_t> versions;
    for (const Key& key : keys) {
      const auto version = found.find({key.table, key.key});
      versions.push_back(version != found.end() ? version->second : 0);
    }
    return versions;
  }

  // A row that was not there, and that somebody else made since begin(), makes the insert fail.
  void commit(std::span<const Change> changes) override {
    Columns made;
    Columns changed;
    Columns removed;
    for (const Change& change : changes) (change.version == 0 ? removed : change.existed ? changed : made).add(change);
    std::vector<PgQuery> queries;
    if (!made.names.empty()) queries.push_back({insert_rows.name, made.rows()});
    if (!changed.names.empty()) queries.push_back({update_rows.name, changed.rows()});
    if (!removed.names.empty()) queries.push_back({remove_rows.name, removed.keys()});
    queries.push_back({"COMMIT", {}, true});
    const auto results = session_.run(queries, true);
    if (std::string_view(PQcmdStatus(results.back().get())) != "COMMIT") {
      throw Failure(Trouble::clash, "PostgreSQL rolled back what it was to commit");
    }
  }

  void rollback() override {
    const std::array queries{PgQuery{"ROLLBACK", {}, true}};
    static_cast<void>(session_.run(queries));
  }

  void verify() override {
    const std::array queries{PgQuery{"SELECT coalesce(max(number), 0)::bigint FROM cellmesh_migrations", {}, true}};
    const auto results = session_.run(queries);
    const auto number = static_cast<std::size_t>(pg_number(results.front().get(), 0, 0));
    if (number > migrations.size()) {
      throw Failure(Trouble::refused, newer_schema("the database", number, migrations.size()), true);
    }
  }

 private:
  void migrate() {
    constexpr std::size_t known = migrations.size();
    std::size_t number = schema();
    for (; number < known; number = schema()) {
      static_cast<void>(session_.run("BEGIN"));
      static_cast<void>(session_.run(lock_schema));
      static_cast<void>(session_.run(migrations_table));
      if (const std::size_t next = schema(); next < known) {  // nobody else ran it meanwhile
        const Migration& migration = migrations[next];
        static_cast<void>(session_.run(migration.sql));
        static_cast<void>(session_.run("INSERT INTO cellmesh_migrations (number, name) VALUES (" +
                                       std::to_string(next + 1) + ", '" + migration.name + "')"));
      }
      static_cast<void>(session_.run("COMMIT"));
    }
    if (number > known) throw Failure(Trouble::refused, newer_schema("the database", number, known));
  }

  std::size_t schema() {
    const PgResult there = session_.run("SELECT to_regclass('cellmesh_migrations') IS NOT NULL");
    if (std::string_view(PQgetvalue(there.get(), 0, 0)) != "t") return 0;
    const PgResult newest = session_.run("SELECT coalesce(max(number), 0) FROM cellmesh_migrations");
    return std::strtoull(PQgetvalue(newest.get(), 0, 0), nullptr, 10);
  }

  PgSession session_;
};

}  // namespace

std::unique_ptr<Storage> open_postgres(const std::string& uri, std::chrono::milliseconds timeout, Missing missing) {
  return std::make_unique<Postgres>(uri, timeout, missing);
}

std::string shown_postgres(const std::string& uri) {
  PQconninfoOption* options = PQconninfoParse(uri.c_str(), nullptr);
  if (options == nullptr) return {};
  std::map<std::string_view, std::string> given;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) given[option->keyword] = option->val;
  }
  PQconninfoFree(options);
  std::string text = "postgresql://";
  if (!given["user"].empty()) text += given["user"] + "@";
  text += given["host"].empty() ? given["hostaddr"] : given["host"];
  if (!given["port"].empty()) text += ":" + given["port"];
  return text + "/" + given["dbname"];
}

}  // namespace data
