#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cm::check {

// Numbers that look random and are the same for a seed, on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  // Of its own for each thing that needs some, so that one does not change when another takes more.
  Random(std::uint64_t seed, std::string_view purpose);

  std::uint64_t next();
  // 0 to `bound` - 1.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  bool chance(std::size_t in) { return below(in) == 0; }
  std::string bytes(std::size_t size);

 private:
  std::uint64_t state_;
};

}  // namespace cm::check
