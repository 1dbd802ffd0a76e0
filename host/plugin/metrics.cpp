#include "plugin/metrics.hpp"

#include <algorithm>

namespace cm::plugin {

std::uint32_t Metrics::get(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!good) return 0;
  const std::lock_guard lock(mutex_);
  if (const auto it = names_.find(name); it != names_.end()) return it->second;
  if (names_.size() >= kMax) return 0;
  const auto number = static_cast<std::uint32_t>(names_.size() + 1);
  names_.emplace(name, number);
  count_.store(number, std::memory_order_release);
  return number;
}

void Metrics::add(std::uint32_t metric, std::int64_t n) {
  if (known(metric)) values_[metric - 1].fetch_add(n, std::memory_order_relaxed);
}

void Metrics::set(std::uint32_t metric, std::int64_t value) {
  if (known(metric)) values_[metric - 1].store(value, std::memory_order_relaxed);
}

std::vector<std::pair<std::string, std::int64_t>> Metrics::values() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, std::int64_t>> all;
  for (const auto& [name, number] : names_) {
    all.emplace_back(name, values_[number - 1].load(std::memory_order_relaxed));
  }
  return all;
}

}  // namespace cm::plugin
