#pragma once

#include <vector>

#include "bench/plan.hpp"
#include "bench/sample.hpp"
#include "bench/systems.hpp"

namespace cm::bench {

// Round trips of all systems at one number of connections and one size.
struct Trips {
  int connections = 0;
  int size = 0;
  std::vector<Sample> systems;  // by Systems::Index
};

// The systems take turns, round after round; each figure is the median of its rounds. A dot on standard error a round.
std::vector<Trips> round_trips(const Plan& plan, const Systems& systems);

// One client of cellmesh chats, all hear it.
Sample broadcast(const Plan& plan, const Systems& systems);

// Memory of cellmesh's clients that say nothing: as many as the plan wants, or this process may open files for.
Sample idle(const Plan& plan, const Systems& systems);

}  // namespace cm::bench
