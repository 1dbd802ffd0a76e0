#pragma once

#include <cstddef>
#include <cstdint>

#include <cellmesh/abi/clients.h>

namespace cm::session {

// Why a client went or is to go. The plugin ABI's cm_close_reason; NoticeACK.Code where the client is told.
enum class CloseReason : std::uint8_t {
  none = CM_CLOSE_NONE,
  by_client = CM_CLOSE_BY_CLIENT,
  malformed = CM_CLOSE_MALFORMED,
  too_large = CM_CLOSE_TOO_LARGE,
  too_slow = CM_CLOSE_TOO_SLOW,
  blocked = CM_CLOSE_BLOCKED,
  not_admitted = CM_CLOSE_NOT_ADMITTED,
  idle = CM_CLOSE_IDLE,
  kicked = CM_CLOSE_KICKED,
  going_down = CM_CLOSE_GOING_DOWN,
  gateway_lost = CM_CLOSE_GATEWAY_LOST,
  done = CM_CLOSE_DONE,
  full = CM_CLOSE_FULL,
  replaced = CM_CLOSE_REPLACED,
};
inline constexpr std::size_t kCloseReasons = CM_CLOSE_REPLACED + 1;

// A reason as a service gave it; what no client can be told with becomes `kicked`.
[[nodiscard]] constexpr CloseReason close_reason(std::int32_t status) {
  if (status >= CM_CLOSE_DONE && status <= CM_CLOSE_REPLACED) return static_cast<CloseReason>(status);
  if (status >= CM_CLOSE_MALFORMED && status <= CM_CLOSE_GOING_DOWN) return static_cast<CloseReason>(status);
  return CloseReason::kicked;
}

// The client gets a notice before it is closed.
[[nodiscard]] constexpr bool is_told(CloseReason reason) {
  return reason != CloseReason::none && reason != CloseReason::by_client && reason != CloseReason::done;
}

// The close code of WebSocket (RFC 6455, 7.4.1) that says it.
[[nodiscard]] constexpr std::uint16_t close_code(CloseReason reason) {
  switch (reason) {
    case CloseReason::none:
    case CloseReason::by_client:
    case CloseReason::done:
      return 1000;
    case CloseReason::going_down:
    case CloseReason::gateway_lost:
      return 1001;
    case CloseReason::malformed:
      return 1007;
    case CloseReason::too_large:
      return 1009;
    case CloseReason::full:
      return 1013;  // try again later
    default:
      return 1008;  // against the rules
  }
}

}  // namespace cm::session
