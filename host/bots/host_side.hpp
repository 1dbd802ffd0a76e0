#pragma once

#include "cellmesh/abi/host.h"

namespace cm::bots {

// The two functions of cm_host itself, and behind the first the extensions that robots have: robot, log, timer,
// settings, metrics. All state is the calling robot's.
const void* host_extension(const cm_host* host, const char* id);
void host_report_fault(const cm_host* host, const char* what);

}  // namespace cm::bots
