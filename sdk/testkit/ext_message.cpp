// SPDX-License-Identifier: MIT
#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace message {
namespace {

constexpr std::uint32_t default_timeout_ms = 5000;

// CM_OK when a message of this id and body can go to a service.
cm_status check(HostSide& side, uint16_t id, const uint8_t* body, size_t size) {
  if (id == 0) return side.invalid("a message has no id 0");
  if (bad_bytes(body, size)) return side.invalid("a message's body is NULL");
  return size > CM_MAX_SERVICE_BODY ? CM_TOO_LARGE : CM_OK;
}

cm_status up(const HostSide& side, cm_service to) { return side.is_up(to) ? CM_OK : CM_UNAVAILABLE; }

cm_status send(const cm_host* host, cm_service to, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](HostSide& side) {
    if (to == 0) return side.invalid("send to service 0");
    if (const cm_status status = check(side, id, body, size); status != CM_OK) return status;
    Act act{.did = Did::send, .to = to, .id = id, .body = std::string(text_of(body, size))};
    const cm_status status = side.note(std::move(act), up(side, to));
    if (status == CM_OK && to == side.ref) {
      side.own.push_back({.request = {to, 0, 0, {}}, .id = id, .body = std::string(text_of(body, size))});
    }
    return status;
  });
}

cm_status call(const cm_host* host, cm_service to, uint16_t id, const uint8_t* body, size_t size,
               const cm_client* client, uint32_t timeout_ms, const char* handler, const uint8_t* cookie,
               size_t cookie_size) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (to == 0) return side.invalid("call to service 0");
    if (const auto why = bad_handler(handler, cookie, cookie_size); !why.empty()) return side.invalid(why);
    if (const cm_status status = check(side, id, body, size); status != CM_OK) return status;
    if (Generation::of(host)->phase == Phase::stopping) return CM_STOPPING;
    if (side.calls.size() >= HostSide::max_calls) return CM_BACKPRESSURE;
    WaitingCall waiting{.number = side.next_call++, .to = to};
    if (client != nullptr) waiting.client = *client;
    waiting.id = id;
    waiting.body = text_of(body, size);
    waiting.handler = handler;
    waiting.cookie = text_of(cookie, cookie_size);
    waiting.due_ms = side.now_ms + (timeout_ms == 0 ? default_timeout_ms : timeout_ms);
    Act act{.did = Did::call, .to = to, .id = id, .body = waiting.body};
    if (client != nullptr) act.clients.push_back(*client);
    act.handler = waiting.handler;
    act.cookie = waiting.cookie;
    act.number = waiting.number;
    act.time_ms = timeout_ms;
    const cm_status status = side.note(std::move(act), up(side, to));
    if (status != CM_OK) return status;
    if (to == side.ref) {
      side.own.push_back({.request = {to, 0, waiting.number, waiting.client}, .id = id, .body = waiting.body});
    }
    side.calls.emplace(waiting.number, std::move(waiting));
    return CM_OK;
  });
}

// The answer to a call of the service's own.
void answer_itself(HostSide& side, const cm_request& request, cm_status status, uint16_t id, std::string_view body) {
  if (request.from != side.ref || request.call == 0) return;
  side.own.push_back({.reply = true, .request = request, .status = status, .id = id, .body = std::string(body)});
}

cm_status reply(const cm_host* host, const cm_request* request, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (request == nullptr) return side.invalid("reply to a request that is NULL");
    if (const cm_status status = check(side, id, body, size); status != CM_OK) return status;
    const bool to_client = request->from == 0;
    if (to_client && (request->client.agent == 0 || request->client.session == 0)) return CM_NOT_FOUND;
    if (to_client && size > CM_MAX_CLIENT_BODY) return CM_TOO_LARGE;
    Act act{.did = Did::reply, .to = request->from, .id = id, .body = std::string(text_of(body, size))};
    if (to_client) act.clients.push_back(request->client);
    act.request = *request;
    const cm_status status = side.note(std::move(act), up(side, to_client ? request->client.agent : request->from));
    if (status != CM_OK) return status;
    answer_itself(side, *request, CM_OK, id, text_of(body, size));
    if (request->from == side.ref && request->call == 0) {
      side.own.push_back({.request = {request->from, 0, 0, {}}, .id = id, .body = std::string(text_of(body, size))});
    }
    return CM_OK;
  });
}

cm_status reply_status(const cm_host* host, const cm_request* request, cm_status answer) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (request == nullptr) return side.invalid("reply_status to a request that is NULL");
    if (answer == CM_OK) return side.invalid("reply_status with CM_OK; use reply");
    if (request->from == 0 || request->call == 0) return CM_NOT_FOUND;
    Act act{.did = Did::reply_status, .to = request->from};
    act.request = *request;
    act.status = answer;
    const cm_status status = side.note(std::move(act), up(side, request->from));
    if (status == CM_OK) answer_itself(side, *request, answer, 0, {});
    return status;
  });
}

}  // namespace
}  // namespace message

const cm_host_message host_message{sizeof(cm_host_message), 0, &message::send, &message::call, &message::reply,
                                   &message::reply_status};

}  // namespace cellmesh::test::detail
