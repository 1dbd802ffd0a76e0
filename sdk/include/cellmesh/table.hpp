// SPDX-License-Identifier: MIT
//
// Rows by key that go over to the next generation by themselves, however many they are.
#ifndef CELLMESH_TABLE_HPP
#define CELLMESH_TABLE_HPP

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "abi/state.h"
#include "client.hpp"
#include "status.hpp"

namespace cellmesh {

namespace detail {

class Tables;

// A table as the service's state sees it. Lives as long as its service.
class TableBase {
 public:
  TableBase(const TableBase&) = delete;
  TableBase& operator=(const TableBase&) = delete;

  [[nodiscard]] const char* name() const { return name_.c_str(); }
  virtual void reserve(std::size_t count) = 0;
  // False when the bytes are none of this table's.
  [[nodiscard]] virtual bool load(std::span<const std::uint8_t> key, std::span<const std::uint8_t> row) = 0;
  [[nodiscard]] virtual bool unload(std::span<const std::uint8_t> key) = 0;
  virtual void follow(bool on) = 0;
  virtual Status hand_over(cm_state_sink& sink, std::uint32_t& most) = 0;
  [[nodiscard]] virtual std::size_t left() const = 0;

 protected:
  TableBase(Tables& tables, std::string name);
  ~TableBase() = default;

 private:
  friend class Tables;
  const std::string name_;
  TableBase* next_ = nullptr;
};

// The tables of one service.
class Tables {
 public:
  void follow(bool on) {
    for (TableBase* table = first_; table != nullptr; table = table->next_) table->follow(on);
  }
  Status hand_over(cm_state_sink& sink, std::uint32_t most, std::uint64_t& left) {
    left = 0;
    for (TableBase* table = first_; table != nullptr; table = table->next_) {
      if (const Status status = table->hand_over(sink, most); status != Status::ok) return status;
      left += table->left();
    }
    return Status::ok;
  }
  [[nodiscard]] TableBase* find(std::string_view name) {
    for (TableBase* table = first_; table != nullptr; table = table->next_) {
      if (table->name_ == name) return table;
    }
    return nullptr;
  }

 private:
  friend class TableBase;
  TableBase* first_ = nullptr;
};

inline TableBase::TableBase(Tables& tables, std::string name) : name_(std::move(name)) {
  if (name_.empty() || name_.size() > 200) throw std::logic_error("a table's name is 1 to 200 bytes");
  if (tables.find(name_) != nullptr) throw std::logic_error("two tables are named " + name_ + "; give each its own");
  next_ = tables.first_;
  tables.first_ = this;
}

struct Access;

}  // namespace detail

// What a table's rows may be found by: text, or a trivially copyable type without pointers or padding in it (a number,
// an enum, Client, ServiceId). Since 1.0.
template <typename K>
concept TableKey = std::is_same_v<K, std::string> || std::is_same_v<K, Client> ||
    (std::has_unique_object_representations_v<K>&& std::is_default_constructible_v<K> && !std::is_pointer_v<K>);

// Rows by key, kept by a service as a member:
//
//   cellmesh::Table<cellmesh::Client, proto::Player> players_{*this, "players"};
//
// At a reload they are in the next generation's table of the same name, whose Row is the same message, perhaps with
// fields more or less; what a version does not know of a row is kept for one that does. They go over while the service
// works, and the pause of the switch does not grow with their number. Rows stay at their address until they are erased.
// All functions: [service thread]. Since 1.0.
template <TableKey Key, typename Row, typename Hash = std::hash<Key>>
class Table final : public detail::TableBase {
  static_assert(std::is_base_of_v<google::protobuf::MessageLite, Row>, "a table's rows are protobuf messages");

 public:
  // `service`: the one whose member it is. `name`: 1 to 200 bytes, unique in the service, the same in every version.
  template <typename Service>
  Table(Service& service, std::string name) : TableBase(tables_of(service), std::move(name)) {}

  // Null when there is no such row. Valid until it is erased.
  [[nodiscard]] const Row* find(const Key& key) const {
    const auto it = index_.find(key);
    return it != index_.end() ? &slots_[it->second].row : nullptr;
  }
  [[nodiscard]] bool contains(const Key& key) const { return index_.contains(key); }

  // The row, to be changed before the hook that runs now returns: ask again in the next. Null when there is none.
  [[nodiscard]] Row* edit(const Key& key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    touch(it->second);
    return &slots_[it->second].row;
  }
  // The same, of a row that is made when there is none.
  Row& operator[](const Key& key) {
    const auto [it, made] = index_.try_emplace(key, 0);
    if (made) it->second = take_slot(key);
    touch(it->second);
    return slots_[it->second].row;
  }

  // False when there was none.
  bool erase(const Key& key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return false;
    Slot& slot = slots_[it->second];
    if (following_ && it->second < cursor_) erased_.push_back(key);
    slot.used = false;
    slot.row.Clear();
    free_.push_back(it->second);
    index_.erase(it);
    return true;
  }
  void clear() {
    while (!index_.empty()) erase(Key(index_.begin()->first));
  }

  [[nodiscard]] std::size_t size() const { return index_.size(); }
  [[nodiscard]] bool empty() const { return index_.empty(); }

  // visit(const Key&, const Row&) for each row, in no order; it must not change the table.
  template <typename F>
  void for_each(F&& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.used) visit(slot.key, slot.row);
    }
  }

  void reserve(std::size_t count) override { index_.reserve(count); }

 private:
  // A row's place. Places do not move, so that a hand-over may go through them a few at a time while rows come and go:
  // those before the cursor went over, and are handed over again when they change.
  struct Slot {
    Key key{};
    Row row;
    bool used = false;
    bool dirty = false;  // stands in dirty_
  };

  template <typename Service, typename A = detail::Access>
  static detail::Tables& tables_of(Service& service) {
    return A::core(service).tables;
  }

  std::size_t take_slot(const Key& key) {
    if (free_.empty()) {
      slots_.emplace_back();
      free_.push_back(slots_.size() - 1);
    }
    const std::size_t at = free_.back();
    free_.pop_back();
    slots_[at].key = key;
    slots_[at].used = true;
    return at;
  }

  void touch(std::size_t at) {
    if (!following_ || at >= cursor_ || slots_[at].dirty) return;
    slots_[at].dirty = true;
    dirty_.push_back(at);
  }

  // A key as bytes, the same ones each time: not a Client itself, which has padding.
  using Wire = std::conditional_t<std::is_same_v<Key, Client>, cm_client, Key>;
  static Wire wire_of(const Key& key) {
    if constexpr (std::is_same_v<Key, Client>) {
      return key.raw();
    } else {
      return key;
    }
  }
  static bool read_key(std::span<const std::uint8_t> bytes, Key& key) {
    if constexpr (std::is_same_v<Key, std::string>) {
      key.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return true;
    } else {
      Wire wire{};
      if (bytes.size() != sizeof wire) return false;
      std::memcpy(&wire, bytes.data(), sizeof wire);
      key = Key(wire);
      return true;
    }
  }

  bool load(std::span<const std::uint8_t> key, std::span<const std::uint8_t> row) override {
    Key read{};
    if (!read_key(key, read) || row.size() > CM_MAX_SERVICE_BODY) return false;
    return (*this)[read].ParseFromArray(row.data(), static_cast<int>(row.size()));
  }
  bool unload(std::span<const std::uint8_t> key) override {
    Key read{};
    if (!read_key(key, read)) return false;
    erase(read);
    return true;
  }

  void follow(bool on) override {
    for (const std::size_t at : dirty_) slots_[at].dirty = false;
    dirty_.clear();
    erased_.clear();
    cursor_ = 0;
    following_ = on;
  }

  std::size_t left() const override {
    return following_ ? erased_.size() + dirty_.size() + (slots_.size() - cursor_) : 0;
  }

  // First what went away, then what changed, then what was not handed over yet: so that a key that was erased and came
  // back ends as it is now.
  Status hand_over(cm_state_sink& sink, std::uint32_t& most) override {
    Status status = Status::ok;
    while (most > 0 && status == Status::ok && !erased_.empty()) {
      status = put(sink, erased_.back(), nullptr);
      erased_.pop_back();
      --most;
    }
    while (most > 0 && status == Status::ok && !dirty_.empty()) {
      Slot& slot = slots_[dirty_.back()];
      dirty_.pop_back();
      slot.dirty = false;
      if (!slot.used) continue;
      status = put(sink, slot.key, &slot.row);
      --most;
    }
    while (most > 0 && status == Status::ok && following_ && cursor_ < slots_.size()) {
      const Slot& slot = slots_[cursor_++];
      if (!slot.used) continue;
      status = put(sink, slot.key, &slot.row);
      --most;
    }
    return status;
  }

  Status put(cm_state_sink& sink, const Key& key, const Row* row) {
    const Wire wire = wire_of(key);
    std::span<const std::uint8_t> bytes;
    if constexpr (std::is_same_v<Key, std::string>) {
      bytes = {reinterpret_cast<const std::uint8_t*>(wire.data()), wire.size()};
    } else {
      bytes = {reinterpret_cast<const std::uint8_t*>(&wire), sizeof wire};
    }
    if (row == nullptr) {
      return static_cast<Status>(sink.row(&sink, name(), bytes.data(), bytes.size(), nullptr, 0));
    }
    buffer_.clear();
    if (!row->AppendToString(&buffer_)) return Status::fault;
    return static_cast<Status>(sink.row(&sink, name(), bytes.data(), bytes.size(),
                                        reinterpret_cast<const std::uint8_t*>(buffer_.data()), buffer_.size()));
  }

  std::deque<Slot> slots_;
  std::vector<std::size_t> free_;
  std::unordered_map<Key, std::size_t, Hash> index_;
  // While a hand-over goes on.
  bool following_ = false;
  std::size_t cursor_ = 0;
  std::vector<std::size_t> dirty_;
  std::vector<Key> erased_;
  std::string buffer_;
};

}  // namespace cellmesh

#endif
