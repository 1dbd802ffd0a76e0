// bench_run: the comparison of scripts/bench, and its table.
//   bench_run [--quick]
//   bench_run --count [--full]
#include <iostream>
#include <stdexcept>
#include <string>

#include "bench/compare.hpp"
#include "bench/count.hpp"

namespace {

using cm::bench::Plan;

const Plan kFull{};
const Plan kQuick{.rounds = 3, .ms = 500, .idle_clients = 2000};
// Instructions hardly differ from one round to the next.
const Plan kCountFull{.rounds = 3, .ms = 250, .warm_up_ms = 100};
const Plan kCount{.rounds = 3, .ms = 250, .warm_up_ms = 100, .connections = {50}, .sizes = {64}};

constexpr int kUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  bool quick = false;
  bool counts = false;
  bool full = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    quick = quick || word == "--quick";
    counts = counts || word == "--count";
    full = full || word == "--full";
    if (word != "--quick" && word != "--count" && word != "--full") {
      std::cerr << "bench: unknown option " << word << '\n';
      return kUsage;
    }
  }
  try {
    if (counts) return cm::bench::count(full ? kCountFull : kCount) ? 0 : 1;
    cm::bench::compare(quick ? kQuick : kFull);
  } catch (const std::exception& e) {
    std::cerr << "bench: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
