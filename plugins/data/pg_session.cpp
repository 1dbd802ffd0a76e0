#include "pg_session.hpp"

#include <endian.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace data {
namespace {

constexpr std::uint32_t type_bytea = 17;
constexpr std::uint32_t type_int8 = 20;
constexpr std::uint32_t type_text = 25;

void put32(std::string& out, std::uint32_t value) {
  const std::uint32_t big = htobe32(value);
  out.append(reinterpret_cast<const char*>(&big), sizeof big);
}

std::string big_endian(std::uint64_t value) {
  const std::uint64_t big = htobe64(value);
  return {reinterpret_cast<const char*>(&big), sizeof big};
}

std::string field(const PGresult* result, int code) {
  const char* text = result != nullptr ? PQresultErrorField(result, code) : nullptr;
  return text != nullptr ? text : "";
}

// Somebody else was in the way: serialization, deadlock, a row that another one made meanwhile.
bool is_clash(const std::string& state) { return state == "40001" || state == "40P01" || state == "23505"; }

// The server ends the session.
bool is_end(const std::string& severity, const std::string& state) {
  return severity == "FATAL" || severity == "PANIC" || state.starts_with("08") || state.starts_with("57P");
}

}  // namespace

PgParams& PgParams::text(std::string_view value) {
  values_.emplace_back(value);
  return *this;
}

PgParams& PgParams::number(std::uint64_t value) {
  values_.push_back(big_endian(value));
  return *this;
}

PgParams& PgParams::texts(std::span<const std::string_view> values) { return array(type_text, values); }
PgParams& PgParams::blobs(std::span<const std::string_view> values) { return array(type_bytea, values); }

PgParams& PgParams::numbers(std::span<const std::uint64_t> values) {
  std::vector<std::string> bytes;
  bytes.reserve(values.size());
  for (const std::uint64_t value : values) bytes.push_back(big_endian(value));
  const std::vector<std::string_view> views(bytes.begin(), bytes.end());
  return array(type_int8, views);
}

// Dimensions, whether there are NULLs, the type; of the one dimension its size and first index; the elements.
PgParams& PgParams::array(std::uint32_t element_type, std::span<const std::string_view> values) {
  std::string out;
  put32(out, values.empty() ? 0 : 1);
  put32(out, 0);
  put32(out, element_type);
  if (!values.empty()) {
    put32(out, static_cast<std::uint32_t>(values.size()));
    put32(out, 1);
  }
  for (const std::string_view value : values) {
    put32(out, static_cast<std::uint32_t>(value.size()));
    out += value;
  }
  values_.push_back(std::move(out));
  return *this;
}

PgSession::PgSession(const std::string& uri, std::chrono::milliseconds timeout) : timeout_(timeout) { connect(uri); }

void PgSession::connect(const std::string& uri) {
  if (PQconninfoOption* options = PQconninfoParse(uri.c_str(), nullptr); options != nullptr) {
    for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
      if (std::strcmp(option->keyword, "password") == 0 && option->val != nullptr) password_ = option->val;
    }
    PQconninfoFree(options);
  }
  start_clock();
  // What the URI says goes before what stands ahead of it.
  const std::array keywords{"application_name",
                            "gssencmode",
                            "keepalives_idle",
                            "keepalives_interval",
                            "keepalives_count",
                            "tcp_user_timeout",
                            "dbname",
                            "client_encoding",
                            static_cast<const char*>(nullptr)};
  const std::array values{
      "cellmesh data", "disable", "10", "5", "3", "20000", uri.c_str(), "UTF8", static_cast<const char*>(nullptr)};
  connection_.reset(PQconnectStartParams(keywords.data(), values.data(), 1));
  if (!connection_) throw Failure(Trouble::refused, "no memory for a connection to PostgreSQL");
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
  for (;;) {
    switch (PQstatus(connection_.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PQconnectPoll(connection_.get())) {
      case PGRES_POLLING_OK:
        PQsetnonblocking(connection_.get(), 1);
        return;
      case PGRES_POLLING_READING:
        wait(POLLIN);
        break;
      case PGRES_POLLING_WRITING:
        wait(POLLOUT);
        break;
      default:
        broken(Trouble::refused);
    }
  }
}

void PgSession::wait(short events) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    pollfd entry{PQsocket(connection_.get()), events, 0};
    const int ready = left.count() > 0 ? ::poll(&entry, 1, static_cast<int>(left.count())) : 0;
    if (ready > 0) return;
    if (ready < 0 && errno == EINTR) continue;
    throw Failure(committing_ ? Trouble::unsure : Trouble::late,
                  "PostgreSQL did not answer within " + std::to_string(timeout_.count()) + " ms");
  }
}

// The server may want to be read before it reads on.
void PgSession::flush() {
  for (int left = 1; left != 0;) {
    left = PQflush(connection_.get());
    if (left < 0) return;  // what it has said before it went is still to be read
    if (left == 0) break;
    wait(POLLIN | POLLOUT);
    if (PQconsumeInput(connection_.get()) == 0) return;
  }
}

PgResult PgSession::next_result() {
  while (PQisBusy(connection_.get()) != 0) {
    wait(POLLIN);
    if (PQconsumeInput(connection_.get()) == 0) break;
  }
  return PgResult(PQgetResult(connection_.get()));
}

PgResult PgSession::run(const std::string& sql) {
  start_clock();
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) broken(Trouble::lost);
  flush();
  PgResult last;
  while (PgResult result = next_result()) {
    if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) fail(result.get(), false);
    last = std::move(result);
  }
  if (!last) broken(Trouble::lost);
  return last;
}

void PgSession::enter_pipeline() { PQenterPipelineMode(connection_.get()); }

void PgSession::prepare(std::span<const PgQuery> statements, std::span<const char* const> texts) {
  start_clock();
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (PQsendPrepare(connection_.get(), statements[i].statement, texts[i], 0, nullptr) == 0) broken(Trouble::lost);
  }
  if (PQpipelineSync(connection_.get()) == 0) broken(Trouble::lost);
  flush();
  static_cast<void>(results(statements.size(), false));
}

std::vector<PgResult> PgSession::run(std::span<const PgQuery> queries, bool commits) {
  start_clock();
  PGconn* connection = connection_.get();
  for (const PgQuery& query : queries) {
    std::vector<const char*> values;
    std::vector<int> sizes;
    for (const std::string& value : query.params.values()) {
      values.push_back(value.data());
      sizes.push_back(static_cast<int>(value.size()));
    }
    const std::vector<int> formats(values.size(), 1);
    const int count = static_cast<int>(values.size());
    const int sent = query.plain ? PQsendQueryParams(connection, query.statement, count, nullptr, values.data(),
                                                     sizes.data(), formats.data(), 1)
                                 : PQsendQueryPrepared(connection, query.statement, count, values.data(), sizes.data(),
                                                       formats.data(), 1);
    if (sent == 0) broken(Trouble::lost);
  }
  // It does nothing of COMMIT before it has that.
  committing_ = commits;
  if (PQpipelineSync(connection) == 0) broken(commits ? Trouble::unsure : Trouble::lost);
  flush();
  auto all = results(queries.size(), commits);
  committing_ = false;
  return all;
}

std::vector<PgResult> PgSession::results(std::size_t count, bool commits) {
  std::vector<PgResult> all;
  PgResult failed;
  bool failed_last = false;
  for (std::size_t i = 0; i < count; ++i) {
    PgResult result = next_result();
    if (!result) broken(commits ? Trouble::unsure : Trouble::lost);
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && !failed) {
      failed_last = i + 1 == count;
      failed = std::move(result);
      // After the end of a session nothing more comes.
      if (is_end(field(failed.get(), PG_DIAG_SEVERITY_NONLOCALIZED), field(failed.get(), PG_DIAG_SQLSTATE))) break;
      if (PQstatus(connection_.get()) == CONNECTION_BAD) break;
    } else {
      all.push_back(std::move(result));
    }
    while (next_result()) {
    }
  }
  // What failed before COMMIT ends the transaction, which the server says of it.
  if (failed) fail(failed.get(), commits && (failed_last || field(failed.get(), PG_DIAG_SQLSTATE).empty()));
  const PgResult sync = next_result();
  if (!sync || PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) broken(commits ? Trouble::unsure : Trouble::lost);
  return all;
}

// `commits`: it may have been done all the same, when it was not the server that refused it.
void PgSession::fail(const PGresult* result, bool commits) {
  const std::string state = field(result, PG_DIAG_SQLSTATE);
  if (state.empty()) broken(commits ? Trouble::unsure : Trouble::lost);
  std::string text = "PostgreSQL: " + field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (const auto hint = field(result, PG_DIAG_MESSAGE_HINT); !hint.empty()) text += "; " + hint;
  Trouble trouble = Trouble::refused;
  if (is_end(field(result, PG_DIAG_SEVERITY_NONLOCALIZED), state)) {
    trouble = commits ? Trouble::unsure : Trouble::lost;
  } else if (is_clash(state)) {
    trouble = Trouble::clash;
  }
  throw Failure(trouble, without_password(text));
}

void PgSession::broken(Trouble trouble) {
  std::string text = PQerrorMessage(connection_.get());
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  throw Failure(trouble, "PostgreSQL: " + without_password(text));
}

std::string PgSession::without_password(std::string text) const {
  if (password_.empty()) return text;
  for (auto at = text.find(password_); at != std::string::npos; at = text.find(password_, at + 3)) {
    text.replace(at, password_.size(), "***");
  }
  return text;
}

std::string_view pg_bytes(const PGresult* result, int row, int column) {
  return {PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column))};
}

std::uint64_t pg_number(const PGresult* result, int row, int column) {
  const auto bytes = pg_bytes(result, row, column);
  std::uint64_t big = 0;
  if (bytes.size() != sizeof big) return 0;
  std::memcpy(&big, bytes.data(), sizeof big);
  return be64toh(big);
}

}  // namespace data
