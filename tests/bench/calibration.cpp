#include "bench/calibration.hpp"

#include <unistd.h>

#include <cstdint>
#include <stdexcept>

#include "bench/meter.hpp"

namespace cm::bench {

double ns_an_instruction() {
#ifdef __x86_64__
  constexpr std::uint64_t kTurns = 20'000'000;
  constexpr double kInstructionsATurn = 6;
  Meter meter(::getpid());
  meter.start();
  std::uint64_t turns = kTurns;
  __asm__ volatile(
      "1: nop\n\t"
      "nop\n\t"
      "nop\n\t"
      "nop\n\t"
      "dec %0\n\t"
      "jnz 1b"
      : "+r"(turns)
      :
      : "cc");
  return static_cast<double>(meter.stop().cpu_ns) / (kInstructionsATurn * static_cast<double>(kTurns));
#else
  throw std::runtime_error("the loop that checks the counting is written for x86-64");
#endif
}

}  // namespace cm::bench
