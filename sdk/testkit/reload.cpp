// SPDX-License-Identifier: MIT
#include <stdexcept>
#include <utility>

#include "generation.hpp"

namespace cellmesh::test {
namespace {

using detail::Generation;
using detail::HostSide;

// Puts a generation in the service's place for as long as it lives, while nothing can be sent.
class InPlace {
 public:
  InPlace(HostSide& side, Generation& other) : side_(side), other_(other), phase_(side.phase) {
    std::swap(side_.now, other_);
    side_.phase = HostSide::Phase::creating;
    side_.on_trial = true;
  }
  InPlace(const InPlace&) = delete;
  InPlace& operator=(const InPlace&) = delete;
  ~InPlace() {
    std::swap(side_.now, other_);
    side_.phase = phase_;
    side_.on_trial = false;
  }

 private:
  HostSide& side_;
  Generation& other_;
  const HostSide::Phase phase_;
};

// What the next generation may have changed when its `resumed` fails.
class Undo {
 public:
  explicit Undo(HostSide& side)
      : side_(side),
        calls_(side.calls),
        timers_(side.timers),
        subscriptions_(side.subscriptions),
        jobs_(side.jobs),
        frontend_(side.frontend),
        load_(side.load) {}
  void operator()() {
    side_.calls = std::move(calls_);
    side_.timers = std::move(timers_);
    side_.subscriptions = std::move(subscriptions_);
    side_.jobs = std::move(jobs_);
    side_.frontend = std::move(frontend_);
    side_.load = load_;
    side_.own.clear();
  }

 private:
  HostSide& side_;
  decltype(HostSide::calls) calls_;
  decltype(HostSide::timers) timers_;
  decltype(HostSide::subscriptions) subscriptions_;
  decltype(HostSide::jobs) jobs_;
  decltype(HostSide::frontend) frontend_;
  decltype(HostSide::load) load_;
};

std::string failed(const std::string& hook, cm_status status, HostSide& side) {
  std::string why = "its " + hook + " failed";
  if (status == CM_FAULT && !side.faults.empty()) return why + ": " + side.faults.back().what;
  return why + " with status " + std::to_string(status);
}

// Everything up to the moment from which on the new generation serves; empty, or why it does not.
std::string hand_over(HostSide& side, Generation& next, const Reload& reload) {
  SavedState saved;
  detail::follow(side, true);
  if (const cm_status status = detail::take_rows(side, saved); status != CM_OK) return failed("rows", status, side);
  {
    const InPlace place(side, next);
    if (const cm_status status = side.create(); status != CM_OK) return failed("create", status, side);
    if (const cm_status status = detail::give_rows(side, saved.rows); status != CM_OK) {
      return failed("load_row", status, side);
    }
  }
  if (reload.between) reload.between();
  SavedState rest;
  if (const cm_status status = detail::take_rows(side, rest); status != CM_OK) return failed("rows", status, side);
  if (const cm_status status = detail::take_message(side, rest); status != CM_OK) return failed("save", status, side);
  const InPlace place(side, next);
  if (const cm_status status = detail::give_rows(side, rest.rows); status != CM_OK) {
    return failed("load_row", status, side);
  }
  if (const cm_status status = detail::give_message(side, rest); status != CM_OK) return failed("load", status, side);
  std::string all;
  for (const std::string& handler : detail::missing_handlers(side)) all += (all.empty() ? "" : "; ") + handler;
  return all.empty() ? all : "it has no handler " + all;
}

}  // namespace

cm_status MemoryHost::save(SavedState& saved) {
  detail::follow(*side_, true);
  cm_status status = detail::take_rows(*side_, saved);
  if (status == CM_OK) status = detail::take_message(*side_, saved);
  detail::follow(*side_, false);
  return status;
}

cm_status MemoryHost::load(const SavedState& saved) {
  HostSide& side = *side_;
  const HostSide::Phase before = std::exchange(side.phase, HostSide::Phase::creating);
  cm_status status = detail::give_rows(side, saved.rows);
  if (status == CM_OK) status = detail::give_message(side, saved);
  side.phase = before;
  if (status == CM_OK) status = detail::resume(side);
  side.settle();
  return status;
}

std::string MemoryHost::reload(const Reload& how) {
  HostSide& side = *side_;
  const cm_service_kind& kind = how.kind != nullptr ? *how.kind : *side.now.kind;
  if (side.name.kind != kind.kind) {
    throw std::invalid_argument(side.id_text + " cannot become a service of the kind " + kind.kind);
  }
  if (side.now.self == nullptr) throw std::logic_error(side.id_text + " is not there: create() it first");
  Generation next{&kind, nullptr, {}, how.version.empty() ? side.now.version : how.version};
  std::string why = hand_over(side, next, how);
  Undo undo(side);
  if (why.empty()) {
    std::swap(side.now, next);  // `next` is the old one from here on
    const cm_status status = detail::resume(side);
    if (status != CM_OK) {
      why = failed("resumed", status, side);
      std::swap(side.now, next);
      undo();
    }
  }
  {
    const InPlace place(side, next);
    side.destroy();
  }
  if (!why.empty()) {
    for (const cm_timer timer : side.tentative) side.timers.erase(timer);
    detail::follow(side, false);
  }
  side.tentative.clear();
  side.settle();
  return why;
}

}  // namespace cellmesh::test
