#include "check/service.hpp"

#include <algorithm>
#include <utility>

#include "check/test.hpp"
#include "discovery/settings.hpp"

namespace cm::check {
namespace {

constexpr std::string_view kLeft = "an exception ";  // how the host in memory tells of one that left a hook
constexpr std::chrono::milliseconds kLongestStep{500};

cellmesh::test::MemoryHostOptions host_options(Subject& subject, const cm_service_kind& kind,
                                               const ServiceOptions& options) {
  return {.id = std::string(kind.kind) + "#" + std::to_string(options.index) + "@check",
          .settings = options.settings ? options.settings : default_settings(subject, kind.kind),
          .version = subject.manifest().version,
          .missing = options.missing};
}

bool left_a_hook(const cellmesh::test::Fault& fault) {
  return fault.what.starts_with(kLeft) && (fault.what.find(" left the ") != std::string::npos);
}

}  // namespace

Service::Service(Subject& subject, const cm_service_kind& kind, ServiceOptions options)
    : subject_(subject),
      kind_(kind),
      options_(std::move(options)),
      host_(kind, host_options(subject, kind, options_)),
      judge_(options_.judge) {
  if (options_.alone) return;
  for (const auto& needed : subject.manifest().requires_kinds)
    host_.up(needed + "#7@check", {.load = 0, .address = "127.0.0.1:7"});
  host_.up("hub#7@check");
  host_.up("peer#7@check");
}

bool Service::create() {
  bool created = false;
  subject_.at(std::string(kind()) + ": create");
  const auto clock = start_clock();
  created = host_.create();
  judge_time("create", clock);
  if (!created) host_.take_faults();
  judge("create", CM_OK);
  return created;
}

cm_status Service::start() {
  subject_.at(std::string(kind()) + ": start");
  const auto clock = start_clock();
  const cm_status status = host_.start();
  judge_time("start", clock);
  if (status != CM_OK && judge_ == Judge::faults) host_.take_faults();
  judge("start", status);
  return status;
}

void Service::run() {
  if (!create()) throw Failed(std::string(kind()) + ": create made no service");
  const cm_status status = start();
  if (status != CM_OK) throw Failed(std::string(kind()) + ": start returned " + status_name(status));
}

void Service::stop() {
  step("stop", [&] {
    host_.stop();
    return CM_OK;
  });
}

void Service::destroy() {
  step("destroy", [&] {
    host_.destroy();
    return CM_OK;
  });
}

cm_status Service::step(const std::string& what, const std::function<cm_status()>& work) {
  subject_.at(std::string(kind()) + ": " + what);
  const auto clock = start_clock();
  const cm_status status = work();
  judge_time(what, clock);
  judge(what, status);
  host_.take();
  return status;
}

cm_status Service::hook(const std::string& what, const std::function<cm_status(void* self)>& work) {
  return step(what, [&] {
    try {
      return work(host_.instance());
    } catch (...) {
      host_.abi()->report_fault(host_.abi(), "an exception left the hook");
      return cm_status{CM_FAULT};
    }
  });
}

std::optional<StepClock> Service::start_clock() const {
  return judge_ == Judge::time ? std::make_optional<StepClock>() : std::nullopt;
}

void Service::judge_time(const std::string& what, const std::optional<StepClock>& clock) const {
  if (!clock) return;
  const auto waited = clock->waited();
  const auto slowest = std::max(clock->computed(), waited);
  if (slowest <= kLongestStep) return;
  throw Failed(std::string(kind()) + ": " + what + ": it " + (waited == slowest ? "waited" : "computed") + " for " +
               std::to_string(slowest.count()) + " ms");
}

void Service::judge(const std::string& what, cm_status status) {
  const auto failed = [&](const std::string& why) { throw Failed(std::string(kind()) + ": " + what + ": " + why); };
  const auto faults = host_.take_faults();
  for (const auto& fault : faults) {
    if (left_a_hook(fault) == (judge_ == Judge::exceptions) &&
        (judge_ == Judge::exceptions || judge_ == Judge::faults)) {
      failed("fault in " + fault.hook + ": " + fault.what);
    }
  }
  if (judge_ == Judge::arguments) {
    for (const auto& misuse : host_.misuses()) {
      // Which clients there are is for the host to know: a message may name any.
      if (misuse.find("client") == std::string::npos) failed(misuse);
    }
  }
  if (judge_ == Judge::statuses && (status < CM_OK || status > CM_STOPPING)) {
    failed("it returned " + status_name(status));
  }
}

cm_service Service::asker() { return host_.up("asker#7@check"); }

cm_service Service::agent() { return host_.frontend() ? host_.self() : host_.up("agent#7@check"); }

cm_client Service::client(std::uint64_t session) {
  const cm_client client{agent(), 0, session};
  if (client.agent == host_.self() && opened_.insert(session).second) {
    step("client " + std::to_string(session) + " connects", [&] {
      host_.client_opened(client);
      return CM_OK;
    });
  }
  return client;
}

const void* Service::extension(const char* id) {
  const void* found = nullptr;
  step(std::string("get_extension ") + id, [&] {
    found = host_.extension(id);
    return CM_OK;
  });
  return found;
}

std::optional<std::string> default_settings(Subject& subject, std::string_view kind) {
  const auto* declared = subject.manifest().settings_of(kind);
  if (declared == nullptr) return std::nullopt;
  return discovery::encode_settings(declared->fields, {});
}

void for_each_running(Subject& subject, const ServiceOptions& options, const std::function<void(Service&)>& work) {
  std::optional<Skipped> skipped;
  bool any = false;
  for (const auto* kind : subject.kinds()) {
    Service service(subject, *kind, options);
    service.run();
    try {
      work(service);
      any = true;
    } catch (const Skipped& e) {
      skipped.emplace(e);
    }
  }
  if (!any && skipped) throw Skipped(*skipped);
}

}  // namespace cm::check
