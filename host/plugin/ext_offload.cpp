#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

cm_status run(const cm_host* host, cm_job job, const uint8_t* input, size_t size, const char* handler,
              const uint8_t* cookie, size_t cookie_size) {
  return on_sender(host, [&](Service& s) -> cm_status {
    if (job == nullptr) return s.invalid("offload of a job that is NULL");
    if (bad_bytes(input, size)) return s.invalid("a job's input is NULL");
    if (const auto why = bad_handler(handler, cookie, cookie_size); !why.empty()) return s.invalid(why);
    if (size > CM_MAX_SERVICE_BODY) return CM_TOO_LARGE;
    if (Service::instance_of(host)->phase == Instance::Phase::stopping) return CM_STOPPING;
    Job work;
    work.work = job;
    work.input = text_of(input, size);
    work.handler = handler;
    work.cookie = text_of(cookie, cookie_size);
    return s.run_job(std::move(work), *Service::instance_of(host));
  });
}

}  // namespace

const cm_host_offload kHostOffload{sizeof(cm_host_offload), 0, &run};

}  // namespace cm::plugin
