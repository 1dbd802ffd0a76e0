#pragma once

#include <functional>

#include "support/wait.hpp"

namespace cm::soak {

// Somebody pressed Ctrl-C, or asked for the end otherwise: what was started is to be ended.
struct Interrupted {};

// From now on SIGINT, SIGTERM and SIGHUP make await() throw. A second one ends the program at once.
void catch_interrupts();

// True as soon as `done` is, false when it is not in time. Throws Interrupted.
bool await(const std::function<bool()>& done, test::milliseconds bound);

}  // namespace cm::soak
