// SPDX-License-Identifier: MIT
#include <stdexcept>
#include <utility>

#include "generation.hpp"

namespace cellmesh::test {
namespace {

using detail::Generation;
using detail::HostSide;
using detail::Phase;

// Puts a generation in the service's place for as long as it lives.
class InPlace {
 public:
  InPlace(HostSide& side, std::unique_ptr<Generation>& other) : side_(side), other_(other) {
    std::swap(side_.now, other_);
  }
  InPlace(const InPlace&) = delete;
  InPlace& operator=(const InPlace&) = delete;
  ~InPlace() { std::swap(side_.now, other_); }

 private:
  HostSide& side_;
  std::unique_ptr<Generation>& other_;
};

std::string failed(const std::string& hook, cm_status status, const HostSide& side) {
  std::string why = "its " + hook + " failed";
  if (status == CM_FAULT && !side.faults.empty()) return why + ": " + side.faults.back().what;
  return why + " with status " + std::to_string(status);
}

// Everything up to the moment from which on the new generation serves; empty, or why it does not.
std::string hand_over(HostSide& side, std::unique_ptr<Generation>& next, const Reload& reload) {
  SavedState saved;
  detail::follow(side, true);
  if (const cm_status status = detail::take_rows(side, saved); status != CM_OK) return failed("rows", status, side);
  {
    const InPlace place(side, next);
    if (const cm_status status = side.create(Phase::taking_over); status != CM_OK) {
      return failed("create", status, side);
    }
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
  std::string missing;
  for (const std::string& handler : detail::missing_handlers(side)) missing += (missing.empty() ? "" : "; ") + handler;
  return missing;
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
  cm_status status = side.now->self == nullptr ? side.create(Phase::taking_over) : CM_OK;
  side.now->phase = Phase::taking_over;
  if (status == CM_OK) status = detail::give_rows(side, saved.rows);
  if (status == CM_OK) status = detail::give_message(side, saved);
  if (status != CM_OK) return status;
  side.enter();
  detail::resume(side);
  side.settle();
  return CM_OK;
}

std::string MemoryHost::reload(const Reload& how) {
  HostSide& side = *side_;
  const cm_service_kind& kind = how.kind != nullptr ? *how.kind : *side.now->kind;
  if (side.name.kind != kind.kind) {
    throw std::invalid_argument(side.id_text + " cannot become a service of the kind " + kind.kind);
  }
  if (side.now->self == nullptr) throw std::logic_error(side.id_text + " is not there: create() it first");
  auto other = std::make_unique<Generation>(side, kind, how.version.empty() ? side.now->version : how.version);
  const std::string why = hand_over(side, other, how);
  if (why.empty()) {
    std::swap(side.now, other);  // `other` is the old one from here on
    side.find(side.ref)->peer.unhealthy.clear();
    detail::resume(side);
    for (const auto& [name, value] : side.entries) {
      if (side.watched(name)) side.tell_entry(name, value);
    }
  }
  {
    const InPlace place(side, other);
    side.destroy();
  }
  if (!why.empty()) detail::follow(side, false);
  side.settle();
  return why;
}

}  // namespace cellmesh::test
