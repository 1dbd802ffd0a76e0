#include "bench/rounds.hpp"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>

namespace cm::bench {
namespace {

constexpr int kOtherFiles = 500;  // of a process that holds the idle clients

using Words = std::vector<std::string>;

Sample measure(Words words, const Systems::System& system) {
  words.insert(words.end(), system.target.begin(), system.target.end());
  return bench::measure(std::move(words));
}

Words load(const Plan& plan, const char* mode, int connections, int size) {
  return {mode,
          "--connections",
          std::to_string(connections),
          "--size",
          std::to_string(size),
          "--ms",
          std::to_string(plan.ms),
          "--warm-up",
          std::to_string(plan.warm_up_ms)};
}

}  // namespace

std::vector<Trips> round_trips(const Plan& plan, const Systems& systems) {
  const auto& all = systems.all();
  std::vector<Trips> trips;
  for (const int size : plan.sizes) {
    for (const int connections : plan.connections) {
      std::vector<std::vector<Sample>> rounds(all.size());
      for (int round = 0; round < plan.rounds; ++round) {
        for (std::size_t i = 0; i < all.size(); ++i) {
          rounds[i].push_back(measure(load(plan, "echo", connections, size), all[i]));
        }
        std::cerr << '.' << std::flush;
      }
      auto& row = trips.emplace_back(Trips{connections, size, {}});
      for (const auto& samples : rounds) row.systems.push_back(median(samples));
    }
  }
  std::cerr << '\n';
  return trips;
}

Sample broadcast(const Plan& plan, const Systems& systems) {
  constexpr int kSize = 64;
  std::vector<Sample> rounds;
  for (int round = 0; round < plan.rounds; ++round) {
    rounds.push_back(
        measure(load(plan, "broadcast", plan.broadcast_clients, kSize), systems.all()[Systems::kCellmesh]));
    std::cerr << '.' << std::flush;
  }
  std::cerr << '\n';
  return median(rounds);
}

Sample idle(const Plan& plan, const Systems& systems) {
  const auto files = static_cast<int>(::sysconf(_SC_OPEN_MAX));
  const int count = std::min(plan.idle_clients, files - kOtherFiles);
  return measure({"idle", "--connections", std::to_string(count)}, systems.all()[Systems::kCellmesh]);
}

}  // namespace cm::bench
