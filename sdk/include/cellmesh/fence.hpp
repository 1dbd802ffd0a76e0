// SPDX-License-Identifier: MIT
//
// No exception leaves a plugin: every function that the host calls runs its work inside fenced().
#ifndef CELLMESH_FENCE_HPP
#define CELLMESH_FENCE_HPP

#include <exception>
#include <type_traits>
#include <utility>

#include "abi/host.h"
#include "status.hpp"

namespace cellmesh::detail {

// What a caught exception says of itself. Call in a catch block only; the text is valid until that block ends.
inline const char* caught_text() noexcept {
  try {
    throw;
  } catch (const std::exception& e) {
    return e.what();
  } catch (const char* text) {
    return text;
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

// Runs `work`, which returns Status or nothing. An exception is reported to the host as this hook's fault.
template <typename F>
cm_status fenced(const cm_host* host, F&& work) noexcept {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      std::forward<F>(work)();
      return CM_OK;
    } else {
      return static_cast<cm_status>(std::forward<F>(work)());
    }
  } catch (...) {
    host->report_fault(host, caught_text());
    return CM_FAULT;
  }
}

}  // namespace cellmesh::detail

#endif
