// The only file that knows SQLite.
#include "sqlite.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "migrations.hpp"
#include "open_files.hpp"

namespace data {
namespace {

constexpr std::array migrations{
    Migration{"rows",
              "CREATE TABLE data_rows (tbl TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL,"
              " value BLOB NOT NULL, PRIMARY KEY (tbl, key))"},
};

constexpr const char* put_back = "; put it or a backup back, or restart this host to go on with what is there";

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;

// A prepared statement, bound and stepped anew each time. What is bound has to outlive the stepping.
class Statement {
 public:
  Statement(sqlite3* db, const char* sql) {
    sqlite3_stmt* made = nullptr;
    result_ = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    statement_.reset(made);
  }

  [[nodiscard]] int prepared() const { return result_; }

  Statement& restart() {
    sqlite3_reset(statement_.get());
    next_ = 1;
    return *this;
  }
  Statement& text(std::string_view value) {
    sqlite3_bind_text64(statement_.get(), next_++, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Statement& blob(std::string_view value) {
    // A null pointer would be NULL.
    sqlite3_bind_blob64(statement_.get(), next_++, value.empty() ? "" : value.data(), value.size(), SQLITE_STATIC);
    return *this;
  }
  Statement& number(std::uint64_t value) {
    sqlite3_bind_int64(statement_.get(), next_++, static_cast<sqlite3_int64>(value));
    return *this;
  }
  int step() { return sqlite3_step(statement_.get()); }

  [[nodiscard]] std::string column(int index) const {
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), index));
    const void* bytes = sqlite3_column_blob(statement_.get(), index);
    return bytes != nullptr ? std::string(static_cast<const char*>(bytes), size) : std::string();
  }
  [[nodiscard]] std::uint64_t integer(int index) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), index));
  }

 private:
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement_;
  int result_ = SQLITE_OK;
  int next_ = 1;
};

class Sqlite final : public Storage {
 public:
  Sqlite(std::string path, std::chrono::milliseconds timeout, Missing missing)
      : path_(std::move(path)), db_(open(path_, missing)) {
    sqlite3_extended_result_codes(db_.get(), 1);
    sqlite3_busy_timeout(db_.get(), static_cast<int>(timeout.count()));
    if (missing == Missing::refuse && !has_schema()) {
      throw Failure(Trouble::refused, path_ + " was replaced by an empty database" + put_back);
    }
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    migrate();
    files_.add(path_);
    const std::string resolved = sqlite3_db_filename(db_.get(), "main");
    files_.add(resolved + "-wal");
    files_.add(resolved + "-shm");
    remember(path_);
    load_ = prepare("SELECT version, value FROM data_rows WHERE tbl = ?1 AND key = ?2");
    version_ = prepare("SELECT version FROM data_rows WHERE tbl = ?1 AND key = ?2");
    insert_ = prepare("INSERT INTO data_rows (tbl, key, version, value) VALUES (?1, ?2, ?3, ?4)");
    update_ = prepare("UPDATE data_rows SET version = ?3, value = ?4 WHERE tbl = ?1 AND key = ?2");
    remove_ = prepare("DELETE FROM data_rows WHERE tbl = ?1 AND key = ?2");
    const std::string list =
        "SELECT key, version, value FROM data_rows WHERE tbl = ?1 AND key >= ?2 AND key < ?3 ORDER BY key ";
    forwards_ = prepare((list + "LIMIT ?4").c_str());
    backwards_ = prepare((list + "DESC LIMIT ?4").c_str());
  }

  std::vector<Row> load(std::span<const Key> keys) override {
    check_files(Trouble::lost);
    std::vector<Row> rows;
    for (const Key& key : keys) {
      load_->restart().text(key.table).text(key.key);
      const int result = load_->step();
      if (result == SQLITE_ROW) {
        rows.push_back({key, load_->integer(0), load_->column(1)});
      } else if (result != SQLITE_DONE) {
        fail(result);
      }
      load_->restart();
    }
    return rows;
  }

  Page list(const ListQuery& query) override {
    check_files(Trouble::lost);
    PageMaker page(query);
    Statement& statement = query.backwards ? *backwards_ : *forwards_;
    const KeyRange range = range_of(query);
    statement.restart().text(query.table).text(range.first).text(range.end).number(query.rows + 1);
    int result = SQLITE_ROW;
    while ((result = statement.step()) == SQLITE_ROW) {
      if (!page.add(statement.column(0), statement.integer(1), statement.column(2))) break;
    }
    statement.restart();
    if (result != SQLITE_ROW && result != SQLITE_DONE) fail(result);
    return page.take();
  }

  std::vector<std::uint64_t> begin(std::span<const Key> keys) override {
    check_files(Trouble::lost);
    run("BEGIN IMMEDIATE");
    std::vector<std::uint64_t> versions;
    for (const Key& key : keys) {
      version_->restart().text(key.table).text(key.key);
      const int result = version_->step();
      if (result != SQLITE_ROW && result != SQLITE_DONE) fail(result);
      versions.push_back(result == SQLITE_ROW ? version_->integer(0) : 0);
      version_->restart();
    }
    return versions;
  }

  void commit(std::span<const Change> changes) override {
    for (const Change& change : changes) {
      Statement& statement = change.version == 0 ? *remove_ : change.existed ? *update_ : *insert_;
      statement.restart().text(change.key.table).text(change.key.key);
      if (change.version != 0) statement.number(change.version).blob(change.value);
      const int result = statement.step();
      statement.restart();
      if (result != SQLITE_DONE) fail(result);
    }
    const int result = sqlite3_exec(db_.get(), "COMMIT", nullptr, nullptr, nullptr);
    if (result == SQLITE_OK) return check_files(Trouble::unsure);  // it may have gone to a file that is no more
    const int kind = result & 0xFF;
    // What a failed write of the log left on the disk may count after a crash.
    fail(result, kind == SQLITE_BUSY || kind == SQLITE_FULL ? Trouble::refused : Trouble::unsure);
  }

  void rollback() override { run("ROLLBACK"); }

  void verify() override {
    check_files(Trouble::lost);
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    for (const std::string& file : {path_, folder.empty() ? std::string(".") : folder}) {
      if (::access(file.c_str(), W_OK) == 0) continue;
      throw Failure(Trouble::refused, file + " cannot be written: " + std::generic_category().message(errno) +
                                          "; give the user of this host the right to, or the disk back");
    }
    constexpr auto known = static_cast<std::uint64_t>(migrations.size());
    if (const auto number = schema(); number > known) {
      throw Failure(Trouble::refused, newer_schema(path_, number, known), true);
    }
  }

 private:
  // The cheapest way to know that what is written still is what others see: a few stats.
  void check_files(Trouble trouble) const {
    if (const std::string why = files_.changed(); !why.empty()) throw Failure(trouble, why + put_back, true);
  }

  static Db open(const std::string& path, Missing missing) {
    if (missing == Missing::refuse) {
      std::error_code gone;
      if (!std::filesystem::exists(path, gone)) throw Failure(Trouble::refused, path + " is gone" + put_back);
      return open_file(path);
    }
    std::error_code ec;
    const auto folder = std::filesystem::path(path).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, ec);
    if (ec) throw Failure(Trouble::refused, "cannot make the folder " + folder.string() + ": " + ec.message());
    make(path);
    return open_file(path);
  }

  // SQLite would write the log of the file that was there before into the one that took its place.
  static void refuse_stale_log(const std::string& path) {
    const std::lock_guard lock(last_mutex);
    const auto last = last_files.find(path);
    if (last == last_files.end()) return;
    const auto& [file, log] = last->second;
    if (file == identity(path) || !log || log != identity(path + "-wal")) return;
    throw Failure(Trouble::refused, path + " was replaced, but " + path +
                                        "-wal belongs to the file before it; move that and " + path + "-shm away");
  }
  static void remember(const std::string& path) {
    const std::lock_guard lock(last_mutex);
    last_files[path] = {identity(path), identity(path + "-wal")};
  }
  using Identity = std::optional<std::pair<dev_t, ino_t>>;
  static Identity identity(const std::string& path) {
    struct stat now {};
    if (::stat(path.c_str(), &now) != 0) return std::nullopt;
    return std::pair{now.st_dev, now.st_ino};
  }
  // Of each path the file that was open last and its log, as long as this copy of the plugin lives.
  static inline std::mutex last_mutex;
  static inline std::map<std::string, std::pair<Identity, Identity>> last_files;

  static Db open_file(const std::string& path) {
    refuse_stale_log(path);
    sqlite3* made = nullptr;
    const int result = sqlite3_open_v2(path.c_str(), &made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    Db db(made);
    if (result != SQLITE_OK) throw Failure(Trouble::refused, "cannot open " + path + ": " + sqlite3_errstr(result));
    return db;
  }

  // What players own is nobody else's to read. A file that is there is not opened: closing it would end the locks that
  // other connections of this process have on it, and another program could then take the log from under them.
  static void make(const std::string& path) {
    static std::mutex one_at_a_time;
    const std::lock_guard lock(one_at_a_time);
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
      ::close(fd);
    } else if (errno != EEXIST) {
      throw Failure(Trouble::refused, "cannot open " + path + ": " + std::generic_category().message(errno));
    }
  }

  bool has_schema() {
    auto tables = prepare("SELECT count(*) FROM sqlite_master WHERE name IN ('cellmesh_migrations', 'data_rows')");
    if (const int result = tables->step(); result != SQLITE_ROW) fail(result);
    return tables->integer(0) == 2;
  }

  void migrate() {
    constexpr auto known = static_cast<std::uint64_t>(migrations.size());
    run(migrations_table);
    std::uint64_t number = schema();
    for (; number < known; number = schema()) {
      run("BEGIN IMMEDIATE");
      if (schema() == number) {  // nobody else ran it meanwhile
        const Migration& next = migrations[static_cast<std::size_t>(number)];
        run(next.sql);
        auto note = prepare("INSERT INTO cellmesh_migrations (number, name) VALUES (?1, ?2)");
        note->number(number + 1).text(next.name);
        if (const int result = note->step(); result != SQLITE_DONE) fail(result);
      }
      run("COMMIT");
    }
    if (number > known) throw Failure(Trouble::refused, newer_schema(path_, number, known));
  }

  std::uint64_t schema() {
    auto newest = prepare("SELECT max(number) FROM cellmesh_migrations");
    if (const int result = newest->step(); result != SQLITE_ROW) fail(result);
    return newest->integer(0);
  }

  void run(const char* sql) {
    if (const int result = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr); result != SQLITE_OK) fail(result);
  }

  std::unique_ptr<Statement> prepare(const char* sql) {
    auto statement = std::make_unique<Statement>(db_.get(), sql);
    if (const int result = statement->prepared(); result != SQLITE_OK) fail(result);
    return statement;
  }

  [[noreturn]] void fail(int result, Trouble trouble = Trouble::refused) const {
    std::string text = path_ + ": " + sqlite3_errmsg(db_.get());
    switch (result & 0xFF) {
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        text += "; another program holds it";
        break;
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
        text += "; stop the service and put a backup in its place";
        break;
      case SQLITE_FULL:
        text += "; make room on its disk";
        break;
      default:
        break;
    }
    throw Failure(trouble, text);
  }

  const std::string path_;
  Db db_;
  OpenFiles files_;
  std::unique_ptr<Statement> load_, version_, insert_, update_, remove_, forwards_, backwards_;
};

}  // namespace

std::unique_ptr<Storage> open_sqlite(const std::string& path, std::chrono::milliseconds timeout, Missing missing) {
  return std::make_unique<Sqlite>(path, timeout, missing);
}

}  // namespace data
