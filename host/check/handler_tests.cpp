// What comes for handlers: replies, timers, channels, jobs.
#include <algorithm>
#include <set>
#include <tuple>

#include "check/barrages.hpp"
#include "check/test.hpp"

#include <cellmesh/abi/state.h>

namespace cm::check {
namespace {

const std::string kNobody = "Nobody::has_this";

// Something that the service waits for.
struct Waits {
  cm_handler_kind kind;
  std::string handler;
  std::string cookie;
  friend bool operator<(const Waits& a, const Waits& b) {
    return std::tie(a.kind, a.handler) < std::tie(b.kind, b.handler);
  }
};

cm_status bring(Service& service, const Waits& waits, std::string_view cookie) {
  switch (waits.kind) {
    case CM_HANDLER_REPLY:
      return call_reply(service, waits.handler, CM_UNAVAILABLE, cookie, 0, {});
    case CM_HANDLER_TIMER:
      return call_timer(service, waits.handler, cookie);
    case CM_HANDLER_CHANNEL: {
      const auto& messages = service.subject().manifest().messages;
      return call_channel(service, waits.handler, cookie, messages.empty() ? 1 : messages.front().id, {});
    }
    default:
      return call_job(service, waits.handler, CM_UNAVAILABLE, cookie, {});
  }
}

template <cm_handler_kind kind>
void unknown_handler(Subject& subject) {
  for_each_running(subject, {}, [&](Service& service) {
    const Waits nobody{kind, kNobody, {}};
    const cm_status status = bring(service, nobody, subject.random("cookie").bytes(12));
    if (status == CM_UNHANDLED) return;
    throw Failed(std::string(service.kind()) + ": it returned " + status_name(status) + " for the handler " + kNobody);
  });
}

std::set<Waits> waiting(MemoryHost& host) {
  std::set<Waits> all;
  for (const auto& call : host.calls()) all.insert({CM_HANDLER_REPLY, call.handler, call.cookie});
  for (const auto& timer : host.timers()) all.insert({CM_HANDLER_TIMER, timer.handler, timer.cookie});
  for (const auto& job : host.jobs()) all.insert({CM_HANDLER_JOB, job.handler, job.cookie});
  for (const auto& subscription : host.subscriptions()) {
    if (!subscription.handler.empty()) all.insert({CM_HANDLER_CHANNEL, subscription.handler, subscription.cookie});
  }
  return all;
}

// With each handler that something waits for. A cookie that does not fit is a fault that it tells of.
void with_cookies(Subject& subject, const std::function<void(Service&, const Waits&)>& work) {
  bool any = false;
  for_each_running(subject, {.judge = Judge::nothing}, [&](Service& service) {
    valid_messages(service);
    for (const auto& waits : waiting(service.host())) {
      any = true;
      work(service, waits);
    }
  });
  if (!any) throw Skipped("nothing waits for a handler of it");
}

void cookie_truncated(Subject& subject) {
  with_cookies(subject, [](Service& service, const Waits& waits) {
    for (std::size_t size = 0; size < waits.cookie.size(); ++size) {
      bring(service, waits, std::string_view(waits.cookie).substr(0, size));
    }
  });
}

void cookie_random(Subject& subject) {
  Random random = subject.random("cookies");
  with_cookies(subject, [&](Service& service, const Waits& waits) {
    for (int n = 0; n < 100; ++n) bring(service, waits, random.bytes(random.below(64)));
    for (int n = 0; n < 100; ++n) bring(service, waits, random.bytes(waits.cookie.size()));
  });
}

void cookie_largest(Subject& subject) {
  Random random = subject.random("largest cookie");
  with_cookies(subject, [&](Service& service, const Waits& waits) {
    bring(service, waits, random.bytes(CM_MAX_COOKIE));
    bring(service, waits, std::string(CM_MAX_COOKIE, '\0'));
    bring(service, waits, std::string(CM_MAX_COOKIE, '\xff'));
  });
}

void every_status(Subject& subject) {
  bool any = false;
  for_each_running(subject, {}, [&](Service& service) {
    valid_messages(service);
    Random random = subject.random("replies");
    for (const auto& waits : waiting(service.host())) {
      if (waits.kind != CM_HANDLER_REPLY && waits.kind != CM_HANDLER_JOB) continue;
      any = true;
      for (cm_status status = CM_OK; status <= CM_STOPPING; ++status) {
        const std::string body = status == CM_OK ? random.bytes(40) : std::string();
        if (waits.kind == CM_HANDLER_REPLY) {
          call_reply(service, waits.handler, status, waits.cookie, status == CM_OK ? 1 : 0, body);
        } else {
          call_job(service, waits.handler, status, waits.cookie, body);
        }
      }
    }
  });
  if (!any) throw Skipped("it waits for no answer and no job");
}

void time_goes_by(Subject& subject) {
  for_each_running(subject, {}, [](Service& service) {
    valid_messages(service);
    let_it_work(service);
    service.step("ten minutes go by", [&] {
      service.host().advance(600'000);
      return CM_OK;
    });
  });
}

// Jobs run on other threads, while the service may be gone.
void jobs_outlive(Subject& subject) {
  bool any = false;
  for_each_running(subject, {}, [&](Service& service) {
    valid_messages(service);
    const auto jobs = service.host().jobs();
    service.stop();
    service.destroy();
    for (const auto& job : jobs) {
      any = true;
      subject.at(std::string(service.kind()) + ": the job for " + job.handler + ", when the service is gone");
      cm_job_output output{nullptr, [](cm_job_output*, const std::uint8_t*, std::size_t) { return cm_status{CM_OK}; }};
      (void)run_fenced("the job for " + job.handler, [&] {
        return job.work(reinterpret_cast<const std::uint8_t*>(job.input.data()), job.input.size(), &output);
      });
    }
  });
  if (!any) throw Skipped("it starts no jobs");
}

}  // namespace

std::vector<Test> handler_tests() {
  static constexpr std::string_view kUnhandled = "return CM_UNHANDLED for handler names that it does not have";
  static constexpr std::string_view kCookie =
      "check cookie_size before the cookie is read: a version before this one may have made it";
  const std::vector<std::string_view> started{"life.destroy_without_stop"};
  const std::vector<std::string_view> filled{"message.each_valid"};
  return {
      {"reply.unknown_handler", "An answer for a version that had another handler does no harm.", kUnhandled, started,
       unknown_handler<CM_HANDLER_REPLY>},
      {"timer.unknown_handler", "A timer of a version that had another handler does no harm.", kUnhandled, started,
       unknown_handler<CM_HANDLER_TIMER>},
      {"channel.unknown_handler", "A channel's message for a version that had another handler does no harm.",
       kUnhandled, started, unknown_handler<CM_HANDLER_CHANNEL>},
      {"job.unknown_handler", "A job's result for a version that had another handler does no harm.", kUnhandled,
       started, unknown_handler<CM_HANDLER_JOB>},
      {"cookie.truncated", "A cookie that a version with fewer arguments made does no harm.", kCookie, filled,
       cookie_truncated},
      {"cookie.random", "A cookie that a version with other arguments made does no harm.", kCookie, filled,
       cookie_random},
      {"cookie.largest", "The largest cookie that a host keeps does no harm.", kCookie, filled, cookie_largest},
      {"reply.each_status", "What it asked for may fail in every way.",
       "look at the status before the answer: of any but CM_OK there is none", filled, every_status},
      {"timer.time_goes_by", "Its timers, time-outs and jobs come to an end, each for itself.",
       "give timers that start themselves again a delay, and look at what its handlers take for granted", filled,
       time_goes_by},
      {"job.outlives_service", "A job that is still running when its service goes sees its input alone.",
       "let a job use its input and nothing of the service", filled, jobs_outlive},
  };
}

}  // namespace cm::check
