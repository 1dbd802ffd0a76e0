#include "check/random.hpp"

namespace cm::check {

Random::Random(std::uint64_t seed, std::string_view purpose) : state_(seed) {
  for (const char c : purpose) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;  // FNV-1a
}

std::uint64_t Random::next() {  // SplitMix64
  state_ += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

std::string Random::bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(next());
  return bytes;
}

}  // namespace cm::check
