// SPDX-License-Identifier: MIT
#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace offload {
namespace {

cm_status run(const cm_host* host, cm_job job, const uint8_t* input, size_t size, const char* handler,
              const uint8_t* cookie, size_t cookie_size) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (job == nullptr) return side.invalid("offload of a job that is NULL");
    if (bad_bytes(input, size)) return side.invalid("a job's input is NULL");
    if (const auto why = bad_handler(handler, cookie, cookie_size); !why.empty()) return side.invalid(why);
    if (size > CM_MAX_SERVICE_BODY) return CM_TOO_LARGE;
    if (Generation::of(host)->phase == Phase::stopping) return CM_STOPPING;
    if (side.jobs.size() >= HostSide::max_jobs) return CM_BACKPRESSURE;
    WaitingJob waiting{job, std::string(text_of(input, size)), handler, std::string(text_of(cookie, cookie_size))};
    Act act{.did = Did::offload, .body = waiting.input};
    act.handler = waiting.handler;
    act.cookie = waiting.cookie;
    const cm_status status = side.note(std::move(act));
    if (status == CM_OK) side.jobs.push_back(std::move(waiting));
    return status;
  });
}

}  // namespace
}  // namespace offload

const cm_host_offload host_offload{sizeof(cm_host_offload), 0, &offload::run};

}  // namespace cellmesh::test::detail
