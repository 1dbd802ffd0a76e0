#pragma once

#include "bench/plan.hpp"

namespace cm::bench {

// The comparison in time, and in instructions where the machine counts them; prints its table, broadcast, memory and
// the verdicts.
void compare(const Plan& plan);

}  // namespace cm::bench
