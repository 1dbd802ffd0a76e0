// SPDX-License-Identifier: MIT
#include "cellmesh/testkit/memory_host.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "cellmesh/abi/directory.h"
#include "host_side.hpp"

namespace cellmesh::test {

using detail::HostSide;
using detail::KnownService;
using detail::Phase;

MemoryHost::MemoryHost(const cm_service_kind& kind, MemoryHostOptions options)
    : side_(std::make_unique<HostSide>(kind, std::move(options))) {}

MemoryHost::~MemoryHost() { destroy(); }

bool MemoryHost::create() {
  HostSide& side = *side_;
  if (side.now->self != nullptr) throw std::logic_error(side.id_text + " is there already");
  if (side.create(Phase::creating) != CM_OK) return false;
  side.now->phase = Phase::starting;
  side.enter();
  return true;
}

cm_status MemoryHost::start() {
  HostSide& side = *side_;
  const cm_status status = side.drive("start", 0, [&] { return side.now->kind->start(side.now->self); });
  if (status == CM_OK) {
    side.now->phase = Phase::running;
    side.find(side.ref)->pickable = true;
  }
  return status;
}

void MemoryHost::stop() {
  HostSide& side = *side_;
  side.frontend.reset();
  side.find(side.ref)->pickable = false;
  side.now->phase = Phase::stopping;
  static_cast<void>(side.drive("stop", 0, [&] {
    side.now->kind->stop(side.now->self);
    return CM_OK;
  }));
}

void MemoryHost::destroy() {
  HostSide& side = *side_;
  side.destroy();
  side.own.clear();
  side.find(side.ref)->up = false;
  side.find(side.ref)->pickable = false;
}

bool MemoryHost::created() const { return side_->now->self != nullptr; }
const cm_host* MemoryHost::abi() const { return &side_->now->host; }
cm_service MemoryHost::self() const { return side_->ref; }
const std::string& MemoryHost::id() const { return side_->id_text; }
const std::string& MemoryHost::version() const { return side_->now->version; }
void* MemoryHost::instance() const { return side_->now->self; }

const void* MemoryHost::extension(const char* id) {
  const void* found = nullptr;
  static_cast<void>(side_->fenced(std::string("get_extension ") + id, 0, [&] {
    found = side_->now->kind->get_extension(side_->now->self, id);
    return CM_OK;
  }));
  return found;
}

cm_service MemoryHost::up(const std::string& id, const Peer& peer) {
  HostSide& side = *side_;
  const cm_service service = side.service(id);
  if (service == 0) {
    throw std::invalid_argument("\"" + id + "\" is no service id; write it as name#index@group, game#0@dev");
  }
  if (service == side.ref) return service;  // it says of itself what there is to say
  KnownService& known = *side.find(service);
  const bool news = !known.up;
  known.up = true;
  known.pickable = true;
  known.peer = peer;
  known.load_until_ms = KnownService::never;
  if (news) tell_service(service, true);
  return service;
}

void MemoryHost::down(const std::string& id) {
  HostSide& side = *side_;
  const cm_service service = side.service(id);
  if (!side.is_up(service)) return;
  KnownService& known = *side.find(service);
  known.up = false;
  known.pickable = false;
  for (const WaitingCall& call : calls()) {
    if (call.to == service) static_cast<void>(fail(call.number, CM_UNAVAILABLE));
  }
  tell_service(service, false);
}

void MemoryHost::tell_service(cm_service service, bool up) {
  HostSide& side = *side_;
  if (side.now->self == nullptr) return;
  const auto* extension = side.plugin<cm_plugin_directory>(CM_EXT_DIRECTORY);
  if (extension == nullptr || extension->on_service == nullptr) return;
  static_cast<void>(side.drive("on_service", 0, [&] {
    extension->on_service(side.now->self, service, up ? 1 : 0);
    return CM_OK;
  }));
}

void MemoryHost::refuse(Did did, cm_status status) {
  if (status == CM_OK) return accept(did);
  side_->refused[did] = status;
}
void MemoryHost::accept(Did did) { side_->refused.erase(did); }
void MemoryHost::decide(std::function<cm_status(const Act&)> decide) { side_->decide = std::move(decide); }

}  // namespace cellmesh::test
