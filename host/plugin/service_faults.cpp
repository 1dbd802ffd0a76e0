// What went wrong in a service, counted and written down; and what its extensions do that needs more than one member.
#include "base/log.hpp"
#include "plugin/clock.hpp"
#include "plugin/service.hpp"
#include "plugin/text.hpp"

namespace cm::plugin {
namespace {

constexpr std::size_t kMaxFaultText = 1000;

}  // namespace

void Service::report_fault(std::string_view what) {
  if (fault_reported_) return;  // the first says most
  fault_reported_ = true;
  fault_text_ = one_line(what, kMaxFaultText);
}

void Service::count_fault(const Handling& handling, std::string_view what) {
  ++counters_.faults;
  const Instance& instance = handling.instance != nullptr ? *handling.instance : *live_;
  ++instance.generation->faults;
  const std::string where = describe(handling);
  {
    const std::lock_guard lock(mutex_);
    last_fault_ = std::string(what) + " (" + where + ")";
  }
  // By hook, so that the faults of one do not hide those of another.
  write_line(base::log(base::Room::service, id_ + " " + std::string(handling.hook)), spdlog::level::err,
             "fault in " + where + ": " + std::string(what), *instance.generation, std::source_location::current());
  if (&instance == live_.get()) count_on_probation();
}

void Service::count_on_probation() {
  if (probation_faults_ == 0 || --probation_faults_ > 0 || now_ms() >= probation_until_) return;
  log(spdlog::level::err, "too many faults since the reload");
  if (surroundings_.faulty) surroundings_.faulty(live_->generation->manifest().name, live_->generation->number());
}

std::string Service::describe(const Handling& handling) const {
  const Instance& instance = handling.instance != nullptr ? *handling.instance : *live_;
  std::string text(handling.hook);
  if (!handling.handler.empty()) text += " handler " + base::log_value(handling.handler);
  if (handling.msg_id != 0) {
    const auto* message = instance.generation->manifest().message(handling.msg_id);
    text += " of " + (message != nullptr ? message->name : std::string("message")) + " (id " +
            std::to_string(handling.msg_id) + ")";
  }
  if (handling.from != routing::ServiceRef::none && handling.client.session == 0) {
    text += " from " + std::string(names().service_id(handling.from));
  }
  if (handling.client.session != 0) {
    text += " from client " + std::string(names().service_id(handling.client.agent)) + "/" +
            std::to_string(handling.client.session);
  }
  return text;
}

cm_status Service::invalid(std::string_view why) {
  log(spdlog::level::warn, "refused a bad call of it: " + std::string(why));
  return CM_INVALID;
}

void Service::say_health(std::string_view reason) {
  const std::string before = health_.reason();
  health_.set(reason);
  if (health_.reason() == before) return;
  if (health_.reason().empty()) {
    log(spdlog::level::info, "healthy again");
  } else {
    // A service that starts may have to wait for something first.
    const bool starts = live_->phase == Instance::Phase::starting;
    log(starts ? spdlog::level::info : spdlog::level::warn, "unhealthy: " + health_.reason());
  }
}

void Service::log_failure(const std::string& text) {
  log(spdlog::level::err, text);
  if (live_->phase == Instance::Phase::starting) start_failure_ = text;
}

bool Service::has_frontend() const {
  const std::lock_guard lock(mutex_);
  return has_frontend_;
}

base::Status Service::open_frontend(const routing::FrontendOptions& options, const routing::ListenerOptions* first,
                                    std::uint16_t& port) {
  auto* frontends = surroundings_.frontends;
  if (frontends == nullptr) return base::error("this host has no frontends");
  const auto opened = first != nullptr ? frontends->open(ref_, options, *first) : frontends->open(ref_, options);
  if (!opened) return opened.error();
  bool accept = false;
  bool keep = false;
  {
    const std::lock_guard lock(mutex_);
    keep = !given_up();
    has_frontend_ = keep;
    accept = public_;
  }
  if (!keep) {
    frontends->close(ref_);
    return base::error("the service was given up");
  }
  registry().update(ref_, [&](routing::ServiceEntry& entry) {
    entry.clients = frontends->clients(ref_);
    entry.public_address = opened->public_address;
    entry.gateway = options.routes;
  });
  if (accept) frontends->accept(ref_);
  port = opened->port;
  return {};
}

cm_status Service::run_job(Job job, const Instance& instance) {
  if (jobs_out_count_ >= kMaxJobs) return CM_BACKPRESSURE;
  const std::string handler = job.handler;
  job.result_to = mailbox_;
  job.gate = instance.jobs;
  if (!surroundings_.pool->submit(std::move(job))) return CM_BACKPRESSURE;
  ++jobs_out_[handler];
  ++jobs_out_count_;
  note_handler(CM_HANDLER_JOB, handler);
  return CM_OK;
}

}  // namespace cm::plugin
