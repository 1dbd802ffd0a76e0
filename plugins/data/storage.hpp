#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace data {

struct Key {
  std::string table;
  std::string key;
  friend auto operator<=>(const Key&, const Key&) = default;
};

struct Row {
  Key key;
  std::uint64_t version = 0;
  std::string value;
};

// What becomes of a row.
struct Change {
  Key key;
  std::uint64_t version = 0;  // 0: it is removed
  std::string value;
  bool existed = false;
};

struct ListQuery {
  std::string table;
  std::string prefix;
  std::string after;  // empty: from the beginning
  std::size_t rows = 0;
  std::size_t bytes = 0;  // of keys and values; one row is given whatever it has
  bool backwards = false;
};
struct Page {
  std::vector<Row> rows;
  bool more = false;
};

// Makes a page of what a query finds.
class PageMaker {
 public:
  explicit PageMaker(const ListQuery& query) : query_(query) {}
  // False when there is no room for it: the page is full.
  bool add(std::string_view key, std::uint64_t version, std::string_view value);
  [[nodiscard]] Page take() { return std::move(page_); }

 private:
  const ListQuery& query_;
  std::size_t bytes_ = 0;
  Page page_;
};

enum class Trouble : std::uint8_t {
  lost,     // the connection broke; nothing was written, and another one may do it
  late,     // it did not answer in time; nothing was written
  clash,    // somebody else was in the way; nothing was written, and another try may do it
  refused,  // the database does not do it; nothing was written
  unsure,   // the connection broke while it was committed: it may have been written
};

class Failure : public std::runtime_error {
 public:
  // `replaced`: what the connection leads to is not the database any more. All connections to it must be closed before
  // the next one is opened.
  Failure(Trouble trouble, const std::string& text, bool replaced = false)
      : std::runtime_error(text), trouble_(trouble), replaced_(replaced) {}
  [[nodiscard]] Trouble trouble() const { return trouble_; }
  [[nodiscard]] bool replaced() const { return replaced_; }

 private:
  Trouble trouble_;
  bool replaced_;
};

// A connection to a database, with its schema as this plugin knows it. Used by one thread at a time; what fails throws
// Failure, and then the connection is closed. Each function takes the time-out of its database at most, or about that.
class Storage {
 public:
  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  virtual ~Storage() = default;

  // The rows of these keys that there are, in no order.
  virtual std::vector<Row> load(std::span<const Key> keys) = 0;
  virtual Page list(const ListQuery& query) = 0;

  // Begins a transaction which nobody else's write to these keys (different ones, in their order) comes between. Their
  // versions; 0: there is no such row. load() sees them as they are in it.
  virtual std::vector<std::uint64_t> begin(std::span<const Key> keys) = 0;
  // Writes, of different keys among those, and ends it: what was written is on disk.
  virtual void commit(std::span<const Change> changes) = 0;
  // Ends it without.
  virtual void rollback() = 0;

  // Looks whether this still is the database that was opened, and may be written.
  virtual void verify() = 0;
};

// The keys of a list: from `first` on, those before `end`. Of UTF-8 it makes UTF-8.
struct KeyRange {
  std::string first;
  std::string end;
};
KeyRange range_of(const ListQuery& query);

// Whether a database may be made where there is none.
enum class Missing : std::uint8_t {
  make,    // an empty one
  refuse,  // it was there before: an empty one in its place would hide that it is gone
};

// Why a database is refused that a later version of this plugin has used.
std::string newer_schema(const std::string& what, std::size_t number, std::size_t known);

}  // namespace data
