// bench_run: the comparison of scripts/bench, and its table.
//   bench_run [--quick]
#include <iostream>
#include <stdexcept>
#include <string>

#include "bench/compare.hpp"

namespace {

using cm::bench::Plan;

const Plan kFull{};
const Plan kQuick{.rounds = 3, .ms = 500, .idle_clients = 2000};

constexpr int kUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  bool quick = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    quick = quick || word == "--quick";
    if (word != "--quick") {
      std::cerr << "bench: unknown option " << word << '\n';
      return kUsage;
    }
  }
  try {
    cm::bench::compare(quick ? kQuick : kFull);
  } catch (const std::exception& e) {
    std::cerr << "bench: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
