#pragma once

#include "bench/plan.hpp"

namespace cm::bench {

// The comparison in instructions, on a machine that counts its time in them (scripts/bench --count starts one); prints
// its table and the verdicts. Throws on any other machine. True when the bars are held.
bool count(const Plan& plan);

}  // namespace cm::bench
