// What it asks of its host, how it bears a bad day of it, and what it does to the process that it shares.
#include <fenv.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <clocale>
#include <filesystem>

#include "base/utf8.hpp"
#include "check/barrages.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

using cellmesh::test::Act;
using cellmesh::test::Did;

void no_exception(Subject& subject) { for_each_running(subject, {.judge = Judge::exceptions}, everything); }
void hooks_return(Subject& subject) { for_each_running(subject, {.judge = Judge::time}, everything); }
void good_arguments(Subject& subject) { for_each_running(subject, {.judge = Judge::arguments}, everything); }

// All that it asks for comes to nothing.
template <cm_status status>
void refuses_all(Subject& subject) {
  const auto refuse = [](const Act&) { return status; };
  for (const auto* kind : subject.kinds()) {
    {
      Service service(subject, *kind, {.judge = Judge::nothing});  // that start fails is as good
      service.host().decide(refuse);
      if (service.create() && service.start() == CM_OK) {
        service.judge_by(Judge::faults);
        valid_messages(service);
      }
    }
    Service service(subject, *kind);
    service.run();
    service.host().decide(refuse);
    valid_messages(service);
    let_it_work(service);
    service.host().decide({});
    valid_messages(service);
  }
}

void alone(Subject& subject) {
  for (const auto* kind : subject.kinds()) {
    Service service(subject, *kind, {.alone = true});
    if (!service.create()) throw Failed(std::string(kind->kind) + ": create made no service while nothing else was up");
    const cm_status status = service.start();
    if (status != CM_OK && status != CM_UNAVAILABLE) {
      throw Failed(std::string(kind->kind) + ": start returned " + status_name(status) + " while nothing else was up");
    }
  }
}

void log_is_text(Subject& subject) {
  for_each_running(subject, {.judge = Judge::nothing}, [](Service& service) {
    everything(service);
    for (const auto& line : service.host().lines()) {
      if (!base::is_utf8(line.text))
        throw Failed(std::string(service.kind()) + ": the log line " + in_hex(line.text) + " is no UTF-8");
    }
  });
}

// Runs a whole life of it, unload excepted.
void whole_life(Subject& subject) {
  for_each_running(subject, {.judge = Judge::nothing}, [](Service& service) {
    everything(service);
    service.stop();
    service.destroy();
  });
}

void signal_handlers(Subject& subject) {
  std::array<struct sigaction, NSIG> before{};
  for (int n = 1; n < NSIG; ++n) ::sigaction(n, nullptr, &before[static_cast<std::size_t>(n)]);
  sigset_t mask_before;
  ::sigprocmask(SIG_BLOCK, nullptr, &mask_before);
  whole_life(subject);
  for (int n = 1; n < NSIG; ++n) {
    struct sigaction now {};
    ::sigaction(n, nullptr, &now);
    if (now.sa_handler == before[static_cast<std::size_t>(n)].sa_handler) continue;
    const char* name = ::sigabbrev_np(n);
    throw Failed("it changed what the process does on SIG" + std::string(name != nullptr ? name : std::to_string(n)));
  }
  sigset_t mask;
  ::sigprocmask(SIG_BLOCK, nullptr, &mask);
  for (int n = 1; n < NSIG; ++n) {
    if (::sigismember(&mask, n) != ::sigismember(&mask_before, n))
      throw Failed("it changed which signals its thread blocks");
  }
}

void locale(Subject& subject) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  whole_life(subject);
  const std::string now = std::setlocale(LC_ALL, nullptr);
  if (now != before) throw Failed("it changed the locale of the process from " + before + " to " + now);
}

void directory(Subject& subject) {
  const auto before = std::filesystem::current_path();
  const mode_t mask_before = ::umask(022);
  ::umask(mask_before);
  whole_life(subject);
  const auto now = std::filesystem::current_path();
  if (now != before) throw Failed("it changed the working directory of the process to " + now.string());
  const mode_t mask = ::umask(022);
  if (mask != mask_before) throw Failed("it changed the umask of the process");
}

void float_mode(Subject& subject) {
  const auto tiny = [] {  // a number that is not zero, unless tiny ones are taken for it
    volatile double number = 4.9406564584124654e-324;
    return number + 0.0 != 0.0;
  };
  const int before = ::fegetround();
  whole_life(subject);
  if (::fegetround() != before) throw Failed("it changed how the thread rounds");
  if (!tiny())
    throw Failed("it made the thread take tiny floating-point numbers for zero, as -ffast-math does when it links");
}

}  // namespace

std::vector<std::string_view> after_barrages() {
  return {"message.each_valid",     "timer.time_goes_by", "message.each_empty",    "message.each_random",
          "message.each_truncated", "message.unknown_id", "client.unknown_closed", "client.closed_twice",
          "service.unknown_goes",   "settings.defaults"};
}

std::vector<Test> host_tests() {
  return {
      {"fence.no_exception_leaves",
       "An exception never unwinds through a host, whose compiler and library may be others.",
       "catch all in each hook and return CM_FAULT, as the C++ face does", after_barrages(), no_exception},
      {"time.hooks_return", "A service that waits keeps all others of its thread waiting.",
       "move what waits or computes for long to offload", after_barrages(), hooks_return, std::chrono::seconds(30)},
      {"host.good_arguments", "Nothing that it asks for is refused for its arguments.",
       "call host functions as their headers say, and send nothing before start", after_barrages(), good_arguments},
      {"host.log_is_text", "Log lines can be read by people and programs.", "log bytes in hex", after_barrages(),
       log_is_text},
      {"host.backpressure", "When a queue is full it sheds load and goes on.",
       "look at what host functions return, and do not fault on CM_BACKPRESSURE", after_barrages(),
       refuses_all<CM_BACKPRESSURE>},
      {"host.unavailable", "When others are gone it goes on.",
       "look at what host functions return, and do not fault on CM_UNAVAILABLE", after_barrages(),
       refuses_all<CM_UNAVAILABLE>},
      {"host.alone",
       "Hosts may be started in any order.",
       "start without what it requires, and look for it when it is needed",
       {"life.destroy_without_stop"},
       alone},
      {"process.signal_handlers", "Signals stay the host's.",
       "leave signal handlers and masks alone: it shares the process", after_barrages(), signal_handlers},
      {"process.locale", "Numbers are read and written as all in the process expect.",
       "leave setlocale() alone: use uselocale() for a thread, or functions that know no locale", after_barrages(),
       locale},
      {"process.directory", "Files of the host stay where it looks for them.",
       "leave the working directory and the umask alone: use absolute paths", after_barrages(), directory},
      {"process.float_mode", "Other plugins compute on the same thread.",
       "link it without -ffast-math, and leave the rounding mode as it is", after_barrages(), float_mode},
  };
}

}  // namespace cm::check
