#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage.hpp"

namespace data {

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, ClearResult>;

// The parameters of a statement, in PostgreSQL's binary format.
class PgParams {
 public:
  PgParams& text(std::string_view value);
  PgParams& number(std::uint64_t value);
  PgParams& texts(std::span<const std::string_view> values);
  PgParams& numbers(std::span<const std::uint64_t> values);
  PgParams& blobs(std::span<const std::string_view> values);

  [[nodiscard]] const std::vector<std::string>& values() const { return values_; }

 private:
  PgParams& array(std::uint32_t element_type, std::span<const std::string_view> values);
  std::vector<std::string> values_;
};

struct PgQuery {
  const char* statement;  // the name of a prepared one, or with `plain` its text
  PgParams params = {};
  bool plain = false;
};

// One connection: what is sent on it is answered in time, or it throws Failure and is good for nothing more. Used by
// one thread at a time.
class PgSession {
 public:
  PgSession(const std::string& uri, std::chrono::milliseconds timeout);
  PgSession(const PgSession&) = delete;
  PgSession& operator=(const PgSession&) = delete;
  ~PgSession() = default;

  // Before pipelined(): statements as text; the result of the last one.
  PgResult run(const std::string& sql);
  // From now on it is in pipeline mode.
  void enter_pipeline();
  void prepare(std::span<const PgQuery> statements, std::span<const char* const> texts);
  // All in one go; their results. With `commits` the last one is COMMIT.
  std::vector<PgResult> run(std::span<const PgQuery> queries, bool commits = false);

  [[nodiscard]] const char* parameter(const char* name) const { return PQparameterStatus(connection_.get(), name); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  void connect(const std::string& uri);
  void start_clock() { deadline_ = Clock::now() + timeout_; }
  void wait(short events);
  void flush();
  PgResult next_result();
  std::vector<PgResult> results(std::size_t count, bool commits);
  [[noreturn]] void fail(const PGresult* result, bool commits);
  [[noreturn]] void broken(Trouble trouble);
  [[nodiscard]] std::string without_password(std::string text) const;

  const std::chrono::milliseconds timeout_;
  std::string password_;
  std::unique_ptr<PGconn, Finish> connection_;
  Clock::time_point deadline_;
  bool committing_ = false;  // the server may have COMMIT
};

// A column of a result in binary format.
std::string_view pg_bytes(const PGresult* result, int row, int column);
std::uint64_t pg_number(const PGresult* result, int row, int column);

}  // namespace data
