#pragma once

#include <cellmesh/table.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "login.pb.h"

namespace login {

// Failed attempts to log in by account, or by address: after a few each has to wait, twice as long each time, and after
// many for long. Those that were made longest ago are forgotten when there are too many. Times are milliseconds of a
// clock that only goes forward. At a reload they go over with their service.
template <class Service>
class Attempts {
 public:
  static constexpr std::size_t most = 100'000;

  struct Terms {
    std::uint32_t free = 0;     // that need not wait
    std::uint32_t lockout = 0;  // from so many on it is for `lockout_ms`
    std::int64_t lockout_ms = 0;
  };

  Attempts(Service& service, std::string table) : rows_(service, std::move(table)) {}

  // How long who tries now has to wait; 0: not at all.
  [[nodiscard]] std::int64_t wait(const std::string& key, std::int64_t now, const Terms& terms) const {
    const auto* row = rows_.find(key);
    return row != nullptr ? std::max<std::int64_t>(0, row->last_ms() + pause(row->failures(), terms) - now) : 0;
  }
  // An attempt counts as failed from its beginning, so that many at once are no way around.
  void begin(const std::string& key, std::int64_t now, const Terms& terms) {
    forget(now, terms);
    auto& row = rows_[key];
    order_.erase({row.last_ms(), key});
    row.set_last_ms(now);
    row.set_failures(row.failures() + 1);
    order_.emplace(now, key);
  }
  // It did not fail after all.
  void take_back(const std::string& key) {
    auto* row = rows_.edit(key);
    if (row == nullptr) return;
    if (row->failures() > 1) return row->set_failures(row->failures() - 1);
    clear(key);
  }
  void clear(const std::string& key) {
    const auto* row = rows_.find(key);
    if (row == nullptr) return;
    order_.erase({row->last_ms(), key});
    rows_.erase(key);
  }
  // In the next generation, when the rows are there.
  void resume() {
    rows_.for_each(
        [this](const std::string& key, const proto::FailedLogins& row) { order_.emplace(row.last_ms(), key); });
  }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

 private:
  static std::int64_t pause(std::uint32_t failures, const Terms& terms) {
    if (failures < terms.free) return 0;
    if (failures >= terms.lockout) return terms.lockout_ms;
    constexpr std::uint32_t most_doublings = 20;
    const std::int64_t doubled = std::int64_t{1000} << std::min(failures - terms.free, most_doublings);
    return std::min(doubled, terms.lockout_ms);
  }
  void forget(std::int64_t now, const Terms& terms) {
    while (!order_.empty() && (order_.begin()->first + terms.lockout_ms < now || order_.size() >= most)) {
      rows_.erase(order_.begin()->second);
      order_.erase(order_.begin());
    }
  }

  cellmesh::Table<std::string, proto::FailedLogins> rows_;
  std::set<std::pair<std::int64_t, std::string>> order_;
};

// What an address counts as: an IPv6 one as its /64, which is one customer's.
std::string network_of(const std::string& address);

}  // namespace login
