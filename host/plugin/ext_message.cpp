#include "plugin/clock.hpp"
#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

using routing::Kind;
using routing::ServiceRef;

constexpr std::uint32_t kDefaultTimeoutMs = 5000;

// CM_OK when a message of this id and body can go to a service.
cm_status check(Service& s, uint16_t id, const uint8_t* body, size_t size) {
  if (id == 0) return s.invalid("a message has no id 0");
  if (bad_bytes(body, size)) return s.invalid("a message's body is NULL");
  return size > CM_MAX_SERVICE_BODY ? CM_TOO_LARGE : CM_OK;
}

cm_status send(const cm_host* host, cm_service to, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](Service& s) {
    if (to == 0) return s.invalid("send to service 0");
    if (const cm_status status = check(s, id, body, size); status != CM_OK) return status;
    auto e = s.envelope(Kind::message, static_cast<ServiceRef>(to));
    e.msg_id = id;
    e.body = body_of(body, size);
    return s.send(e);
  });
}

cm_status call(const cm_host* host, cm_service to, uint16_t id, const uint8_t* body, size_t size,
               const cm_client* client, uint32_t timeout_ms, const char* handler, const uint8_t* cookie,
               size_t cookie_size) {
  return on_sender(host, [&](Service& s) {
    if (to == 0) return s.invalid("call to service 0");
    if (const auto why = bad_handler(handler, cookie, cookie_size); !why.empty()) return s.invalid(why);
    if (const cm_status status = check(s, id, body, size); status != CM_OK) return status;
    if (Service::instance_of(host)->phase == Instance::Phase::stopping)
      return cm_status{CM_STOPPING};  // no hook is left for its answer
    if (s.calls().size() >= Service::kMaxCalls) return cm_status{CM_BACKPRESSURE};
    auto e = s.envelope(Kind::call, static_cast<ServiceRef>(to));
    e.msg_id = id;
    e.call = s.calls().next();
    if (client != nullptr) e.client = {static_cast<ServiceRef>(client->agent), client->session};
    e.body = body_of(body, size);
    if (const cm_status status = s.send(e); status != CM_OK) return status;
    s.note_handler(CM_HANDLER_REPLY, handler);
    s.calls().add(after(now_ms(), timeout_ms == 0 ? kDefaultTimeoutMs : timeout_ms),
                  {e.to, handler, std::string(text_of(cookie, cookie_size))});
    return cm_status{CM_OK};
  });
}

cm_status reply(const cm_host* host, const cm_request* request, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](Service& s) {
    if (request == nullptr) return s.invalid("reply to a request that is NULL");
    if (const cm_status status = check(s, id, body, size); status != CM_OK) return status;
    const routing::ClientId client{static_cast<ServiceRef>(request->client.agent), request->client.session};
    const auto from = static_cast<ServiceRef>(request->from);
    auto e = s.envelope(Kind::message, from);
    if (from != ServiceRef::none && request->call != 0) {
      e.kind = Kind::reply;
      e.call = request->call;
    } else if (from == ServiceRef::none) {
      if (client.agent == ServiceRef::none || client.session == 0) return cm_status{CM_NOT_FOUND};
      if (size > CM_MAX_CLIENT_BODY) return cm_status{CM_TOO_LARGE};
      e.kind = Kind::to_client;
      e.to = client.agent;
      e.client = client;
      e.status = s.since(id);
    }
    e.msg_id = id;
    e.body = body_of(body, size);
    return s.send(e);
  });
}

cm_status reply_status(const cm_host* host, const cm_request* request, cm_status status) {
  return on_sender(host, [&](Service& s) {
    if (request == nullptr) return s.invalid("reply_status to a request that is NULL");
    if (status == CM_OK) return s.invalid("reply_status with CM_OK; use reply");
    if (request->from == 0 || request->call == 0) return cm_status{CM_NOT_FOUND};
    auto e = s.envelope(Kind::reply, static_cast<ServiceRef>(request->from));
    e.call = request->call;
    e.status = status;
    return s.send(e);
  });
}

}  // namespace

const cm_host_message kHostMessage{sizeof(cm_host_message), 0, &send, &call, &reply, &reply_status};

}  // namespace cm::plugin
