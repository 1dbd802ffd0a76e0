#pragma once

namespace cm::bench {

// What an instruction costs this process in nanoseconds of CPU time, from a loop of which every instruction is known.
// One, within a percent, says that the machine counts its time in instructions.
double ns_an_instruction();

}  // namespace cm::bench
