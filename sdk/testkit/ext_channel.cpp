// SPDX-License-Identifier: MIT
#include <algorithm>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace channel {
namespace {

constexpr std::size_t max_channel = 200;
constexpr std::string_view bad_channel = "a channel's name is 1 to 200 bytes of UTF-8";

bool good(const char* channel) {
  const std::string_view name = channel != nullptr ? channel : "";
  return !name.empty() && name.size() <= max_channel && is_utf8(name);
}

bool hub_is_up(const HostSide& side) {
  return std::any_of(side.services.begin(), side.services.end(),
                     [](const KnownService& known) { return known.up && known.name.kind == "hub"; });
}

cm_status publish(const cm_host* host, const char* channel, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (!good(channel)) return side.invalid(bad_channel);
    if (id == 0) return side.invalid("a message has no id 0");
    if (bad_bytes(body, size)) return side.invalid("a message's body is NULL");
    if (size > CM_MAX_SERVICE_BODY) return CM_TOO_LARGE;
    Act act{.did = Did::publish, .id = id, .body = std::string(text_of(body, size))};
    act.channel = channel;
    return side.note(std::move(act), hub_is_up(side) ? CM_OK : CM_UNAVAILABLE);
  });
}

cm_status subscribe(const cm_host* host, const char* channel, const char* handler, const uint8_t* cookie,
                    size_t cookie_size) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (channel == nullptr || handler == nullptr) {
      return side.invalid("a subscription lacks its channel or its handler");
    }
    // "" is a handler here: the message comes as if it had been sent.
    if (const auto why = bad_handler(*handler == '\0' ? "-" : handler, cookie, cookie_size); !why.empty()) {
      return side.invalid(why);
    }
    if (!good(channel)) return side.invalid(bad_channel);
    const bool another = !side.subscriptions.contains(channel);
    if (another && side.subscriptions.size() >= HostSide::max_subscriptions) return CM_BACKPRESSURE;
    Subscription made{channel, handler, std::string(text_of(cookie, cookie_size))};
    Act act{.did = Did::subscribe};
    act.channel = made.channel;
    act.handler = made.handler;
    act.cookie = made.cookie;
    const cm_status status = side.note(std::move(act));
    if (status == CM_OK) side.subscriptions[channel] = std::move(made);
    return status;
  });
}

cm_status unsubscribe(const cm_host* host, const char* channel) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (channel == nullptr) return side.invalid(bad_channel);
    Act act{.did = Did::unsubscribe};
    act.channel = channel;
    const cm_status status = side.note(std::move(act), side.subscriptions.contains(channel) ? CM_OK : CM_NOT_FOUND);
    if (status == CM_OK) side.subscriptions.erase(channel);
    return status;
  });
}

}  // namespace
}  // namespace channel

const cm_host_channel host_channel{sizeof(cm_host_channel), 0, &channel::publish, &channel::subscribe,
                                   &channel::unsubscribe};

}  // namespace cellmesh::test::detail
