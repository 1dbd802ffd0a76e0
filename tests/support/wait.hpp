#pragma once

#include <chrono>
#include <functional>

namespace cm::test {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A bound that a healthy machine never reaches: stretched where a sanitizer slows everything down.
milliseconds patience(milliseconds bound);

// True as soon as `done` is, false when it is not within patience(bound).
bool wait_until(const std::function<bool()>& done, milliseconds bound = seconds(30));

// True when `holds` is and stays true for the whole time. For what must not happen; as short as the rule allows.
bool stays_true(const std::function<bool()>& holds, milliseconds time);

}  // namespace cm::test
