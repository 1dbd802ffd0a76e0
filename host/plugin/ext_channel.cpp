#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

constexpr std::string_view kBadChannel = "a channel's name is 1 to 200 bytes of UTF-8";

cm_status publish(const cm_host* host, const char* channel, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](Service& s) -> cm_status {
    if (channel == nullptr) return s.invalid(kBadChannel);
    if (id == 0) return s.invalid("a message has no id 0");
    if (bad_bytes(body, size)) return s.invalid("a message's body is NULL");
    if (size > CM_MAX_SERVICE_BODY) return CM_TOO_LARGE;
    const cm_status status = s.hub().publish(channel, id, text_of(body, size));
    return status == CM_INVALID ? s.invalid(kBadChannel) : status;
  });
}

cm_status subscribe(const cm_host* host, const char* channel, const char* handler, const uint8_t* cookie,
                    size_t cookie_size) {
  return on_sender(host, [&](Service& s) -> cm_status {
    if (channel == nullptr || handler == nullptr) return s.invalid("a subscription lacks its channel or its handler");
    // "" is a handler here: the message comes as if it had been sent.
    if (const auto why = bad_handler(*handler == '\0' ? "-" : handler, cookie, cookie_size); !why.empty()) {
      return s.invalid(why);
    }
    const cm_status status = s.hub().subscribe(channel, handler, text_of(cookie, cookie_size));
    if (*handler != '\0') s.note_handler(CM_HANDLER_CHANNEL, handler);
    return status == CM_INVALID ? s.invalid(kBadChannel) : status;
  });
}

cm_status unsubscribe(const cm_host* host, const char* channel) {
  return on_sender(host, [&](Service& s) -> cm_status {
    return channel == nullptr ? s.invalid(kBadChannel) : s.hub().unsubscribe(channel);
  });
}

}  // namespace

const cm_host_channel kHostChannel{sizeof(cm_host_channel), 0, &publish, &subscribe, &unsubscribe};

}  // namespace cm::plugin
