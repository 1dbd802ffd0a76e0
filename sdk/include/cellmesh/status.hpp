// SPDX-License-Identifier: MIT
#ifndef CELLMESH_STATUS_HPP
#define CELLMESH_STATUS_HPP

#include <string_view>

#include "abi/clients.h"
#include "abi/types.h"

namespace cellmesh {

// What a call came to; equal to cm_status of the ABI. Since 1.0.
enum class Status : cm_status {
  ok = CM_OK,
  backpressure = CM_BACKPRESSURE,  // the target's queue is full: nothing was queued, try later or shed load
  unavailable = CM_UNAVAILABLE,    // no such service is up, or it went away before it answered
  timeout = CM_TIMEOUT,            // no answer in time
  invalid = CM_INVALID,            // an argument is out of its range; the host's log says which
  too_large = CM_TOO_LARGE,        // the message is larger than its receiver can take
  not_found = CM_NOT_FOUND,        // a name, timer, subscription, client or request that does not exist
  wrong_thread = CM_WRONG_THREAD,  // called on a thread that the function's documentation does not name
  fault = CM_FAULT,                // the other side failed inside, by an exception say
  bad_message = CM_BAD_MESSAGE,    // a body does not parse as the message that its id names, or it is another one
  unhandled = CM_UNHANDLED,        // the receiver has no handler for this message
  refused = CM_REFUSED,            // the receiver's rules do not allow it
  stopping = CM_STOPPING,          // the service or the host is going down
};

// A word for logs, "backpressure"; valid for as long as the plugin is loaded. [any thread] Since 1.0.
constexpr std::string_view to_string(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::backpressure:
      return "backpressure";
    case Status::unavailable:
      return "unavailable";
    case Status::timeout:
      return "timeout";
    case Status::invalid:
      return "invalid";
    case Status::too_large:
      return "too large";
    case Status::not_found:
      return "not found";
    case Status::wrong_thread:
      return "wrong thread";
    case Status::fault:
      return "fault";
    case Status::bad_message:
      return "bad message";
    case Status::unhandled:
      return "unhandled";
    case Status::refused:
      return "refused";
    case Status::stopping:
      return "stopping";
  }
  return "unknown status";
}

// Why a client went, or is to go; equal to cm_close_reason of the ABI. Since 1.0.
enum class CloseReason : cm_close_reason {
  none = CM_CLOSE_NONE,
  by_client = CM_CLOSE_BY_CLIENT,  // it closed, or its connection broke
  malformed = CM_CLOSE_MALFORMED,
  too_large = CM_CLOSE_TOO_LARGE,
  too_slow = CM_CLOSE_TOO_SLOW,          // it did not read what was sent to it
  blocked = CM_CLOSE_BLOCKED,            // too many messages that no route allows
  not_admitted = CM_CLOSE_NOT_ADMITTED,  // it was not admitted in time, or sent too much before
  idle = CM_CLOSE_IDLE,
  kicked = CM_CLOSE_KICKED,
  going_down = CM_CLOSE_GOING_DOWN,
  gateway_lost = CM_CLOSE_GATEWAY_LOST,  // the gateway's host died; told to services only
  done = CM_CLOSE_DONE,                  // the service is finished with it; the client is not sent a notice
  full = CM_CLOSE_FULL,
  replaced = CM_CLOSE_REPLACED,  // its user entered anew, from elsewhere; since 1.1
};

// A phrase for logs, "too slow". [any thread] Since 1.0.
constexpr std::string_view to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::none:
      return "no reason";
    case CloseReason::by_client:
      return "by the client";
    case CloseReason::malformed:
      return "malformed";
    case CloseReason::too_large:
      return "too large";
    case CloseReason::too_slow:
      return "too slow";
    case CloseReason::blocked:
      return "blocked";
    case CloseReason::not_admitted:
      return "not admitted";
    case CloseReason::idle:
      return "idle";
    case CloseReason::kicked:
      return "kicked";
    case CloseReason::going_down:
      return "going down";
    case CloseReason::gateway_lost:
      return "gateway lost";
    case CloseReason::done:
      return "done";
    case CloseReason::full:
      return "full";
    case CloseReason::replaced:
      return "replaced";
  }
  return "unknown reason";
}

}  // namespace cellmesh

#endif
