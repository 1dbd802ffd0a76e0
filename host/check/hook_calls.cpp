// Hooks called past the host in memory, with what it would never pass on.
#include <cellmesh/abi/channel.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/offload.h>
#include <cellmesh/abi/timer.h>

#include "check/barrages.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

const std::uint8_t* bytes(std::string_view text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

template <class Extension>
const Extension& needed(Service& service, const char* id) {
  const auto* found = service.implements<Extension>(id);
  if (found == nullptr) throw Skipped(std::string(service.kind()) + " does not implement " + id);
  return *found;
}

}  // namespace

cm_status call_reply(Service& service, const std::string& handler, cm_status status, std::string_view cookie,
                     std::uint16_t id, std::string_view body) {
  const auto& hooks = needed<cm_plugin_message>(service, CM_EXT_MESSAGE);
  cm_reply reply{};
  reply.struct_size = sizeof reply;
  reply.status = status;
  reply.handler = handler.c_str();
  reply.cookie = bytes(cookie);
  reply.cookie_size = cookie.size();
  reply.id = id;
  reply.body = bytes(body);
  reply.body_size = body.size();
  reply.from = service.asker();
  return service.hook("on_reply " + handler + ", " + status_name(status) + ", cookie " + in_hex(cookie),
                      [&](void* self) { return hooks.on_reply(self, &reply); });
}

cm_status call_timer(Service& service, const std::string& handler, std::string_view cookie) {
  const auto& hooks = needed<cm_plugin_timer>(service, CM_EXT_TIMER);
  return service.hook("on_timer " + handler + ", cookie " + in_hex(cookie), [&](void* self) {
    return hooks.on_timer(self, 1, handler.c_str(), bytes(cookie), cookie.size());
  });
}

cm_status call_channel(Service& service, const std::string& handler, std::string_view cookie, std::uint16_t id,
                       std::string_view body) {
  const auto& hooks = needed<cm_plugin_channel>(service, CM_EXT_CHANNEL);
  cm_channel_message message{};
  message.struct_size = sizeof message;
  message.id = id;
  message.channel = "check";
  message.handler = handler.c_str();
  message.cookie = bytes(cookie);
  message.cookie_size = cookie.size();
  message.body = bytes(body);
  message.body_size = body.size();
  message.from = service.asker();
  return service.hook("on_channel " + handler + ", cookie " + in_hex(cookie) + ", body " + in_hex(body),
                      [&](void* self) { return hooks.on_channel(self, &message); });
}

cm_status call_job(Service& service, const std::string& handler, cm_status status, std::string_view cookie,
                   std::string_view output) {
  const auto& hooks = needed<cm_plugin_offload>(service, CM_EXT_OFFLOAD);
  return service.hook("on_job " + handler + ", " + status_name(status) + ", cookie " + in_hex(cookie), [&](void* self) {
    return hooks.on_job(self, handler.c_str(), status, bytes(output), output.size(), bytes(cookie), cookie.size());
  });
}

}  // namespace cm::check
