#include "soak/interrupt.hpp"

#include <signal.h>

namespace cm::soak {
namespace {

volatile sig_atomic_t interrupted = 0;

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

bool await(const std::function<bool()>& done, test::milliseconds bound) {
  bool there = false;
  const bool in_time = test::wait_until([&] { return interrupted != 0 || (there = done()); }, bound);
  if (interrupted != 0) throw Interrupted();
  return in_time && there;
}

}  // namespace cm::soak
