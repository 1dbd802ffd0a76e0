#include "bench/compare.hpp"

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "bench/bars.hpp"
#include "bench/rounds.hpp"
#include "bench/table.hpp"

namespace cm::bench {
namespace {

constexpr const char* kNotCounted = "not counted on this machine; see scripts/bench --count";

void print_head(const Plan& plan) {
  std::cout << "Round trips, closed loop: client -> gateway -> echo -> client. Medians of " << plan.rounds
            << " rounds of " << static_cast<double>(plan.ms) / 1000 << " s, taken in turns; " << cores()
            << " cores, the gateway alone on one of them, clients and backends on what is left.\n"
            << "CPU and instructions (user and kernel) are those of the gateway's process, for each round trip; of the "
               "echo server's where there is no gateway.\n\n";
}

void add_rows(Table& table, const Trips& trips, const Systems& systems) {
  const Sample& haproxy = trips.systems[Systems::kHaproxy];
  for (std::size_t i = 0; i < trips.systems.size(); ++i) {
    const Sample& sample = trips.systems[i];
    table.add({systems.all()[i].name, std::to_string(trips.connections), std::to_string(trips.size),
               text(value(sample, "per_second")), text(value(sample, "p50_us")), text(value(sample, "p99_us")),
               text(value(sample, "p999_us")), text(value(sample, "cpu_us"), 2), text(value(sample, "instructions")),
               text(ratio(sample, haproxy, "per_second"), 2), text(ratio(sample, haproxy, "p99_us"), 2),
               text(ratio(sample, haproxy, "cpu_us"), 2)});
  }
  table.rule();
}

void print_broadcast(const Plan& plan, const Sample& sample) {
  std::cout << "broadcast to " << number(plan.broadcast_clients)
            << " clients, 64 B: " << text(value(sample, "per_second")) << " deliveries/s, "
            << text(value(sample, "cpu_us"), 2) << " CPU us and " << text(value(sample, "instructions"))
            << " instructions each; all served after " << text(value(sample, "p50_us")) << " us (p50), "
            << text(value(sample, "p99_us")) << " us (p99)\n";
}

void print_idle(const Sample& sample) {
  std::cout << "memory of one idle client, of " << text(value(sample, "clients")) << ": "
            << text(value(sample, "bytes_each"))
            << " bytes resident (the gateway: " << number(sample.at("resident") / 1024) << " KiB)\n";
}

}  // namespace

void compare(const Plan& plan) {
  const auto started = test::Clock::now();
  const Systems systems;
  print_head(plan);
  Table table({"system", "conns", "bytes", "msgs/s", "p50 us", "p99 us", "p99.9 us", "CPU us", "instructions",
               "msgs/s : haproxy", "p99 : haproxy", "CPU : haproxy"});
  table.rule();
  std::vector<Bar> bars;
  bool counted = true;
  for (const Trips& trips : round_trips(plan, systems)) {
    add_rows(table, trips, systems);
    const Sample& ours = trips.systems[Systems::kCellmesh];
    const Sample& haproxy = trips.systems[Systems::kHaproxy];
    add_trip_bars(bars, trips.connections, trips.size, value(ours, "instructions"), ratio(ours, haproxy, "cpu_us"),
                  ratio(ours, haproxy, "p99_us"));
    counted = counted && ours.contains("instructions");
  }
  std::cout << table.text();
  if (!counted) std::cout << "instructions: " << kNotCounted << '\n';
  std::cout << '\n' << std::flush;
  const Sample heard = broadcast(plan, systems);
  print_broadcast(plan, heard);
  const Sample silent = idle(plan, systems);
  print_idle(silent);
  bars.push_back(delivery_bar(value(heard, "instructions")));
  bars.push_back(idle_bar(silent.at("clients"), value(silent, "bytes_each")));
  std::cout << '\n' << verdicts(bars);
  const auto took = std::chrono::duration_cast<std::chrono::seconds>(test::Clock::now() - started);
  std::cout << "took " << took.count() << " s\n";
}

}  // namespace cm::bench
