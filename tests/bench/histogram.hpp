#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace cm::bench {

// Counts of times, exact to one part in 64 over the whole range of a u64.
class Histogram {
 public:
  void add(std::uint64_t value) {
    ++counts_[slot(value)];
    ++total_;
  }

  // The smallest value that `share` of all are not above.
  [[nodiscard]] std::uint64_t percentile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted || (seen == total_ && seen != 0)) return upper_bound(i);
    }
    return 0;
  }
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  static constexpr unsigned kBits = 6;  // of precision

  static std::size_t slot(std::uint64_t value) {
    if (value < (1U << (kBits + 1U))) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kBits - 1U;
    return (static_cast<std::size_t>(shift) << kBits) + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t upper_bound(std::size_t slot) {
    if (slot < (1U << (kBits + 1U))) return slot;
    const auto shift = static_cast<unsigned>(slot >> kBits) - 1U;
    const std::uint64_t mantissa = (slot & ((1U << kBits) - 1U)) | (1U << kBits);
    return ((mantissa + 1U) << shift) - 1U;
  }

  std::array<std::uint64_t, (64 - kBits + 1) << kBits> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace cm::bench
