#include "bench/count.hpp"

#include <sys/utsname.h>

#include <cmath>
#include <iostream>
#include <stdexcept>
#include <vector>

#include "bench/bars.hpp"
#include "bench/calibration.hpp"
#include "bench/rounds.hpp"
#include "bench/table.hpp"

namespace cm::bench {
namespace {

constexpr double kTolerance = 0.01;
constexpr double kInstructionsAMicrosecond = 1000;

double calibrate() {
  const double cost = ns_an_instruction();
  if (std::abs(cost - 1) > kTolerance) {
    throw std::runtime_error("an instruction takes " + number(cost, 3) +
                             " ns here, not 1: this machine's CPU time does not count instructions. "
                             "scripts/bench --count starts one whose does");
  }
  return cost;
}

Sample counted(Sample sample) {
  sample["instructions"] = sample.at("cpu_us") * kInstructionsAMicrosecond;
  return sample;
}

}  // namespace

bool count(const Plan& plan) {
  const double cost = calibrate();
  utsname system{};
  ::uname(&system);
  std::cout
      << "Instructions, user and kernel, of the gateway's process, for each round trip; of the echo server's where "
         "there is no gateway.\n"
      << "Counted in a machine of software in which one takes one nanosecond: one core, Linux " << system.release
      << ". Medians of " << plan.rounds << " rounds of " << plan.ms
      << " ms of its time, taken in turns.\nThe clients and both ends share its core: its microseconds are good "
         "for comparing, not for telling how quick a machine is.\n"
      << "Calibration: a loop of 6 instructions read " << number(6 * cost, 3) << ".\n\n";

  const Systems systems;
  std::vector<Bar> bars;
  Table table({"system", "conns", "bytes", "instructions", "p50 us", "p99 us", "p99.9 us", "instructions : haproxy",
               "p99 : haproxy"});
  table.rule();
  for (const Trips& trips : round_trips(plan, systems)) {
    std::vector<Sample> samples;
    for (const auto& sample : trips.systems) samples.push_back(counted(sample));
    const Sample& ours = samples[Systems::kCellmesh];
    const Sample& haproxy = samples[Systems::kHaproxy];
    for (std::size_t i = 0; i < samples.size(); ++i) {
      table.add({systems.all()[i].name, std::to_string(trips.connections), std::to_string(trips.size),
                 text(value(samples[i], "instructions")), text(value(samples[i], "p50_us")),
                 text(value(samples[i], "p99_us")), text(value(samples[i], "p999_us")),
                 text(ratio(samples[i], haproxy, "instructions"), 2), text(ratio(samples[i], haproxy, "p99_us"), 2)});
    }
    table.rule();
    add_trip_bars(bars, trips.connections, trips.size, value(ours, "instructions"),
                  ratio(ours, haproxy, "instructions"), ratio(ours, haproxy, "p99_us"));
  }
  std::cout << table.text() << '\n' << std::flush;
  const Sample heard = counted(broadcast(plan, systems));
  std::cout << "broadcast to " << number(plan.broadcast_clients)
            << " clients, 64 B: " << text(value(heard, "instructions")) << " instructions a delivery\n\n";
  bars.push_back(delivery_bar(value(heard, "instructions")));
  std::cout << verdicts(bars);
  return all_held(bars);
}

}  // namespace cm::bench
