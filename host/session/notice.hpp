#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "routing/message_id.hpp"
#include "session/close_reason.hpp"

namespace cm::session {

using routing::kNoticeId;
using routing::kNoticeSince;

// NoticeACK.Code from 100 on: the client stays. Below that they are CloseReasons.
enum class NoticeCode : std::uint16_t {
  message_blocked = 100,
  message_not_admitted = 101,
  message_malformed = 102,
  no_service = 103,
  backend_lost = 104,
  bound_anew = 105,
  message_refused = 106,
};
[[nodiscard]] constexpr NoticeCode notice_code(CloseReason reason) { return static_cast<NoticeCode>(reason); }

// What the gateway has to say to a client: proto.NoticeACK.
struct Notice {
  NoticeCode code{};
  std::uint16_t msg_id = 0;
  std::string_view service;  // cut at 256 bytes
  std::string_view text;     // cut at 1,024 bytes; what is no UTF-8 in it becomes `?`
};

inline constexpr std::size_t kMaxNotice = 1400;
using NoticeBody = std::array<std::byte, kMaxNotice>;

// Writes the protobuf body into `into` and returns the part that it takes.
[[nodiscard]] std::span<const std::byte> encode_notice(const Notice& notice, NoticeBody& into);

// What a close says when who closes gave no text.
[[nodiscard]] std::string_view default_text(CloseReason reason);

}  // namespace cm::session
