#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cm::plugin {

// Named counters and gauges of one service. [any thread]
class Metrics {
 public:
  static constexpr std::size_t kMax = 1000;
  // The number of a name, from 1 on; 0 when the name is bad or there are too many.
  std::uint32_t get(std::string_view name);
  void add(std::uint32_t metric, std::int64_t n);
  void set(std::uint32_t metric, std::int64_t value);
  [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> values() const;

 private:
  [[nodiscard]] bool known(std::uint32_t metric) const {
    return metric != 0 && metric <= count_.load(std::memory_order_acquire);
  }
  std::array<std::atomic<std::int64_t>, kMax> values_{};
  std::atomic<std::uint32_t> count_{0};
  mutable std::mutex mutex_;  // guards names_
  std::map<std::string, std::uint32_t, std::less<>> names_;
};

}  // namespace cm::plugin
