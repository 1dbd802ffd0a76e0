// Creating, starting, stopping and destroying services, in every order that a host may.
#include "check/service.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

void creates(Subject& subject) {
  for (const auto* kind : subject.kinds()) {
    auto* service = new Service(subject, *kind);  // stays: its destroy is another test's
    if (!service->create()) throw Failed(std::string(kind->kind) + ": create made no service");
  }
}

void start_stop(Subject& subject) {
  for (const auto* kind : subject.kinds()) {
    Service service(subject, *kind);
    if (!service.create()) throw Failed(std::string(kind->kind) + ": create made no service");
    const cm_status status = service.start();
    const std::string what = std::string(kind->kind) + ": start returned " + status_name(status);
    if (status == CM_UNAVAILABLE) throw Untestable(what + ": what it needs is not here");
    if (status != CM_OK) throw Failed(what);
    service.stop();
    service.destroy();
  }
}

void destroy_without_start(Subject& subject) {
  for (const auto* kind : subject.kinds()) {
    Service service(subject, *kind);
    service.create();
    service.destroy();
  }
}

// As the old generation goes at a reload.
void destroy_without_stop(Subject& subject) {
  for_each_running(subject, {}, [](Service& service) { service.destroy(); });
}

void many_lives(Subject& subject) {
  for (int n = 0; n < 100; ++n) {
    for_each_running(subject, {}, [](Service& service) {
      service.stop();
      service.destroy();
    });
  }
}

// Two of a kind in one process: as at a reload, and on a host of two groups.
void two_instances(Subject& subject) {
  for (const auto* kind : subject.kinds()) {
    Service first(subject, *kind);
    first.run();
    Service second(subject, *kind, {.index = 1});
    if (!second.create()) throw Failed(std::string(kind->kind) + ": create made no second service");
    const cm_status status = second.start();
    if (status != CM_OK)
      throw Failed(std::string(kind->kind) + ": start of a second service returned " + status_name(status));
    first.stop();
    first.destroy();
    second.stop();
    second.destroy();
  }
}

}  // namespace

std::vector<Test> life_tests() {
  return {
      {"life.create",
       "A service can be made at all, with nothing but its host.",
       "return a service from create, and report_fault() when there is none",
       {"kinds.as_manifest"},
       creates},
      {"life.destroy_without_start",
       "A service whose start another refused is taken away without a trace.",
       "let destroy work on a service that was never started",
       {"life.create"},
       destroy_without_start},
      {"life.start_stop",
       "The plain life of a service: it is made, begins, ends and is gone.",
       "return CM_OK from start when it can work with its default settings",
       {"life.destroy_without_start"},
       start_stop},
      {"life.destroy_without_stop",
       "A reload destroys the old generation without stopping it.",
       "let destroy free what stop would",
       {"life.start_stop"},
       destroy_without_stop},
      {"life.many",
       "A service may be stopped and started again, as often as it likes, while its plugin stays loaded.",
       "keep nothing of a service in globals when it is destroyed",
       {"life.start_stop"},
       many_lives},
      {"life.two_instances",
       "Two services of a kind live side by side, as the generations do at a reload.",
       "keep what belongs to a service in what create returns, not in globals",
       {"life.start_stop"},
       two_instances},
  };
}

}  // namespace cm::check
