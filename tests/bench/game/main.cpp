// bench_game: the figures of scripts/bench --game, and their table.
//   bench_game [--quick]
#include <chrono>
#include <exception>
#include <iostream>
#include <string>

#include "bench/game/figures.hpp"
#include "bench/systems.hpp"
#include "bench/table.hpp"
#include "support/wait.hpp"

namespace {

using namespace cm::bench;

const GamePlan kQuick{.seconds = 3, .rounds = 1, .storm = 500, .idle = 500, .hearers = 200};

std::string ms(const std::optional<double>& us) { return us ? number(*us / 1000, 2) : ""; }

std::string text(const std::vector<Figure>& figures) {
  Table table({"", "", "", "p50 ms", "p99 ms", "CPU us each", "peer", "peer's", "ours : peer's"});
  table.rule();
  for (const Figure& f : figures) {
    table.add({f.what, number(f.ours, f.unit == "us" ? 2 : 0), f.unit, ms(f.p50_us), ms(f.p99_us),
               f.cpu_us ? number(*f.cpu_us, 1) : "", f.peer, f.theirs ? number(*f.theirs, f.unit == "us" ? 2 : 0) : "",
               f.theirs && *f.theirs != 0 ? number(f.ours / *f.theirs, 2) : ""});
  }
  return table.text();
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc == 2 && std::string(argv[1]) == "--quick";
  if (argc > 1 && !quick) {
    std::cerr << "bench: say --quick, or nothing\n";
    return 2;
  }
  const GamePlan plan = quick ? kQuick : GamePlan{};
  const auto begun = cm::test::Clock::now();
  try {
    auto figures = rates(plan);
    figures.push_back(levels_on_postgres(plan));
    for (auto& figure : transports(plan)) figures.push_back(std::move(figure));
    std::cout << "Robots play on real hosts and Consul of this machine, " << cores() << " cores, each run "
              << plan.seconds
              << " s; CPU is that of all hosts together. Memory is what the process has for itself alone, more with "
              << plan.idle << " clients than without. Round trips: 50 clients, client -> agent -> echo -> client, "
              << "CPU of the agent's host, and haproxy's (mode tcp, one thread) where that ends TLS; agent and haproxy "
                 "on one core, all else on the others.\n\n"
              << text(figures) << "took "
              << std::chrono::duration_cast<std::chrono::seconds>(cm::test::Clock::now() - begun).count() << " s\n";
  } catch (const std::exception& e) {
    std::cerr << "bench: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
