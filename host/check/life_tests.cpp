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
    if (status == CM_UNAVAILABLE) throw Skipped(what + ": what it needs is not here");
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
  };
}

}  // namespace cm::check
