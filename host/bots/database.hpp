#pragma once

#include <string>

#include "base/result.hpp"
#include "bots/report.hpp"
#include "bots/run.hpp"

namespace cm::bots {

// Compares the rows that robots expect with what stands in the game's database, `sqlite:PATH` or `postgresql://...`,
// and puts the check into the report. What the rows hold is in `descriptors`, a serialized FileDescriptorSet.
void check_database(const std::string& uri, const ExpectedRows& expected, const std::string& descriptors,
                    Report& report);

}  // namespace cm::bots
