#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cm::bots {

// How often each number came, in buckets a 32nd of the number wide, so that a percentile is at most 3 % off. Bounded.
class Histogram {
 public:
  void add(std::uint64_t value);
  void add(const Histogram& other);
  void clear();

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const;
  // The smallest number that a share of all (0.99) do not exceed; 0 when there are none.
  [[nodiscard]] std::uint64_t percentile(double share) const;

  struct Bucket {
    std::uint64_t from = 0;  // up to the next power of the square root of two
    std::uint64_t count = 0;
  };
  // For a plot: half powers of two, from the first that is not empty to the last.
  [[nodiscard]] std::vector<Bucket> plot() const;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace cm::bots
