// The only file of the robots that knows databases; the tables are those of the data plugin.
#include "bots/database.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace cm::bots {
namespace {

namespace pb = google::protobuf;

constexpr const char* kCheck = "the database holds what robots were told";
constexpr const char* kRead = "the database can be read";
constexpr int kTimeoutMs = 10'000;
constexpr std::size_t kMostExamples = 10;

class Rows {
 public:
  virtual ~Rows() = default;
  // Nothing when there is none; throws when it cannot be read.
  virtual std::optional<std::string> value(const RowKey& row) = 0;
};

class SqliteRows final : public Rows {
 public:
  explicit SqliteRows(const std::string& path) {
    sqlite3* db = nullptr;
    const int opened = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
    db_.reset(db);
    if (opened != SQLITE_OK) fail();
    sqlite3_busy_timeout(db_.get(), kTimeoutMs);
    sqlite3_stmt* made = nullptr;
    const int prepared =
        sqlite3_prepare_v2(db_.get(), "SELECT value FROM data_rows WHERE tbl = ?1 AND key = ?2", -1, &made, nullptr);
    select_.reset(made);
    if (prepared != SQLITE_OK) fail();
  }
  std::optional<std::string> value(const RowKey& row) override {
    sqlite3_stmt* select = select_.get();
    sqlite3_reset(select);
    sqlite3_bind_text(select, 1, row.table.data(), static_cast<int>(row.table.size()), SQLITE_STATIC);
    sqlite3_bind_text(select, 2, row.key.data(), static_cast<int>(row.key.size()), SQLITE_STATIC);
    const int stepped = sqlite3_step(select);
    if (stepped == SQLITE_DONE) return std::nullopt;
    if (stepped != SQLITE_ROW) fail();
    const void* bytes = sqlite3_column_blob(select, 0);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(select, 0));
    std::string value = bytes != nullptr ? std::string(static_cast<const char*>(bytes), size) : std::string();
    sqlite3_reset(select);  // so that no read stays open
    return value;
  }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  [[noreturn]] void fail() const { throw std::runtime_error(sqlite3_errmsg(db_.get())); }

  std::unique_ptr<sqlite3, Close> db_;
  std::unique_ptr<sqlite3_stmt, Close> select_;
};

class PostgresRows final : public Rows {
 public:
  explicit PostgresRows(const std::string& uri) : connection_(PQconnectdb(uri.c_str())) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail();
  }
  std::optional<std::string> value(const RowKey& row) override {
    const std::array<const char*, 2> values{row.table.c_str(), row.key.c_str()};
    const std::unique_ptr<PGresult, Close> result(
        PQexecParams(connection_.get(), "SELECT value FROM data_rows WHERE tbl = $1::text AND key = $2::text", 2,
                     nullptr, values.data(), nullptr, nullptr, 1));
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) fail();
    if (PQntuples(result.get()) == 0) return std::nullopt;
    return std::string(PQgetvalue(result.get(), 0, 0), static_cast<std::size_t>(PQgetlength(result.get(), 0, 0)));
  }

 private:
  struct Close {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
  };
  [[noreturn]] void fail() const { throw std::runtime_error(PQerrorMessage(connection_.get())); }

  std::unique_ptr<PGconn, Close> connection_;
};

std::unique_ptr<Rows> open(const std::string& uri) {
  constexpr std::string_view sqlite = "sqlite:";
  if (uri.starts_with(sqlite)) return std::make_unique<SqliteRows>(uri.substr(sqlite.size()));
  return std::make_unique<PostgresRows>(uri);
}

// Messages by name.
class Types {
 public:
  explicit Types(const std::string& descriptors) {
    pb::FileDescriptorSet files;
    if (!files.ParseFromString(descriptors)) return;
    for (const auto& file : files.file()) (void)pool_.BuildFile(file);
  }
  std::unique_ptr<pb::Message> make(const std::string& name) {
    const auto* type = pool_.FindMessageTypeByName(name);
    if (type == nullptr) throw std::runtime_error("no .proto file of the robot has a message " + name);
    return std::unique_ptr<pb::Message>(factory_.GetPrototype(type)->New());
  }

 private:
  pb::DescriptorPool pool_;
  pb::DynamicMessageFactory factory_{&pool_};
};

std::uint64_t number(const pb::Message& message, const std::string& name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field != nullptr && !field->is_repeated()) {
    const auto& of = *message.GetReflection();
    if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_UINT32) return of.GetUInt32(message, field);
    if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_UINT64) return of.GetUInt64(message, field);
  }
  throw std::runtime_error(message.GetDescriptor()->full_name() + " has no number " + name);
}

// What is wrong with a row; empty: nothing.
std::string wrong(const std::map<std::string, ExpectedField>& fields, const std::optional<std::string>& value,
                  Types& types) {
  if (!value) return "there is none";
  std::string all;
  for (const auto& [name, field] : fields) {
    const auto message = types.make(field.message);
    if (!message->ParseFromString(*value)) return "it is no " + field.message;
    const std::uint64_t found = number(*message, name);
    if (found < field.least || found > field.most) {
      const std::string wanted = field.least == field.most
                                     ? std::to_string(field.least)
                                     : std::to_string(field.least) + " to " + std::to_string(field.most);
      all += (all.empty() ? "" : ", ") + name + " is " + std::to_string(found) + " and not " + wanted;
    }
    if (field.message != "proto.PlayerData" || name != "coins") continue;
    if (found == number(*message, "granted") - number(*message, "spent")) continue;
    all += (all.empty() ? "" : ", ") + std::string("coins are not what was granted less what was spent");
  }
  return all;
}

}  // namespace

void check_database(const std::string& uri, const ExpectedRows& expected, const std::string& descriptors,
                    Report& report) {
  Check held, read;
  try {
    Types types(descriptors);
    const auto rows = open(uri);
    for (const auto& [row, fields] : expected) {
      const std::string why = wrong(fields, rows->value(row), types);
      ++(why.empty() ? held.held : held.failed);
      if (!why.empty() && held.examples.size() < kMostExamples) {
        held.examples.push_back(row.table + "/" + row.key + ": " + why);
      }
    }
    ++read.held;
  } catch (const std::exception& e) {
    ++read.failed;
    read.examples.emplace_back(e.what());
  }
  report.checks.emplace_back(kRead, std::move(read));
  report.checks.emplace_back(kCheck, std::move(held));
  judge(report);
}

}  // namespace cm::bots
