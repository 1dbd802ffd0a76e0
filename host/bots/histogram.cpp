#include "bots/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cm::bots {
namespace {

constexpr unsigned kBits = 5;
constexpr std::uint64_t kSteps = 1U << kBits;
constexpr std::uint64_t kLargest = (std::uint64_t{1} << 40U) - 1;  // 12 days in microseconds

std::size_t index_of(std::uint64_t value) {
  value = std::min(value, kLargest);
  if (value < kSteps) return static_cast<std::size_t>(value);
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kBits;
  return static_cast<std::size_t>(shift * kSteps + (value >> shift));
}

std::uint64_t first_of(std::size_t index) {
  if (index < 2 * kSteps) return index;
  const std::size_t shift = index / kSteps - 1;
  return (index - shift * kSteps) << shift;
}

}  // namespace

void Histogram::add(std::uint64_t value) {
  const std::size_t index = index_of(value);
  if (index >= counts_.size()) counts_.resize(index + 1);
  ++counts_[index];
  ++count_;
  sum_ += std::min(value, kLargest);
  max_ = std::max(max_, value);
}

void Histogram::add(const Histogram& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

void Histogram::clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = sum_ = max_ = 0;
}

double Histogram::mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_); }

std::uint64_t Histogram::percentile(double share) const {
  if (count_ == 0) return 0;
  const double wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(count_);
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(wanted)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(max_, first_of(i + 1) - 1);
  }
  return max_;
}

std::vector<Histogram::Bucket> Histogram::plot() const {
  std::vector<Bucket> all;
  const double step = std::sqrt(2.0);
  double from = 1;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    const auto value = static_cast<double>(first_of(i));
    while (value >= from * step) {
      if (!all.empty()) all.push_back({static_cast<std::uint64_t>(from * step), 0});
      from *= step;
    }
    if (counts_[i] == 0) continue;
    if (all.empty()) all.push_back({static_cast<std::uint64_t>(from), 0});
    all.back().count += counts_[i];
  }
  while (!all.empty() && all.back().count == 0) all.pop_back();
  return all;
}

}  // namespace cm::bots
