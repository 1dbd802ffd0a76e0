// SPDX-License-Identifier: MIT
#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace clients {
namespace {

bool is_client(const cm_client* client) { return client != nullptr && client->agent != 0 && client->session != 0; }

cm_status check_body(HostSide& side, uint16_t id, const uint8_t* body, size_t size) {
  if (id == 0) return side.invalid("a message has no id 0");
  if (bad_bytes(body, size)) return side.invalid("a message's body is NULL");
  return size > CM_MAX_CLIENT_BODY ? CM_TOO_LARGE : CM_OK;
}

bool good_reason(cm_close_reason reason) {
  return reason >= CM_CLOSE_MALFORMED && reason <= CM_CLOSE_REPLACED && reason != CM_CLOSE_GATEWAY_LOST;
}

cm_status up(const HostSide& side, cm_service agent) { return side.is_up(agent) ? CM_OK : CM_UNAVAILABLE; }

// The clients of a list that are some go into `act`; the first failure of the whole list.
cm_status take_list(HostSide& side, const cm_client* clients, size_t count, Act& act) {
  cm_status first = CM_OK;
  const auto tell = [&](cm_status status) {
    if (first == CM_OK) first = status;
  };
  for (size_t i = 0; i < count; ++i) {
    if (!is_client(&clients[i])) {
      tell(side.invalid("a list holds a client that is none"));
      continue;
    }
    tell(up(side, clients[i].agent));
    act.clients.push_back(clients[i]);
  }
  return first;
}

cm_status send(const cm_host* host, const cm_client* client, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](HostSide& side) {
    if (!is_client(client)) return side.invalid("send to a client that is none");
    if (const cm_status status = check_body(side, id, body, size); status != CM_OK) return status;
    Act act{.did = Did::clients_send, .clients = {*client}, .id = id, .body = std::string(text_of(body, size))};
    return side.note(std::move(act), up(side, client->agent));
  });
}

cm_status send_list(const cm_host* host, const cm_client* clients, size_t count, uint16_t id, const uint8_t* body,
                    size_t size) {
  return on_sender(host, [&](HostSide& side) {
    if (bad_bytes(clients, count)) return side.invalid("a list of clients is NULL");
    if (const cm_status status = check_body(side, id, body, size); status != CM_OK) return status;
    Act act{.did = Did::clients_send_list, .id = id, .body = std::string(text_of(body, size))};
    const cm_status first = take_list(side, clients, count, act);
    return side.note(std::move(act), first);
  });
}

cm_status broadcast(const cm_host* host, cm_service agent, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](HostSide& side) {
    if (const cm_status status = check_body(side, id, body, size); status != CM_OK) return status;
    Act act{.did = Did::clients_broadcast, .to = agent, .id = id, .body = std::string(text_of(body, size))};
    return side.note(std::move(act), agent == 0 ? CM_OK : up(side, agent));
  });
}

Act closing(Did did, cm_close_reason reason, const char* text) {
  Act act{.did = did};
  act.reason = reason;
  act.text = text != nullptr ? text : "";
  return act;
}

constexpr std::string_view bad_reason = "close for a reason that is none to close for";

cm_status close(const cm_host* host, const cm_client* client, cm_close_reason reason, const char* text) {
  return on_sender(host, [&](HostSide& side) {
    if (!is_client(client)) return side.invalid("close of a client that is none");
    if (!good_reason(reason)) return side.invalid(bad_reason);
    Act act = closing(Did::clients_close, reason, text);
    act.clients.push_back(*client);
    return side.note(std::move(act), up(side, client->agent));
  });
}

cm_status close_list(const cm_host* host, const cm_client* clients, size_t count, cm_close_reason reason,
                     const char* text) {
  return on_sender(host, [&](HostSide& side) {
    if (bad_bytes(clients, count)) return side.invalid("a list of clients is NULL");
    if (!good_reason(reason)) return side.invalid(bad_reason);
    Act act = closing(Did::clients_close_list, reason, text);
    const cm_status first = take_list(side, clients, count, act);
    return side.note(std::move(act), first);
  });
}

cm_status close_all(const cm_host* host, cm_service agent, cm_close_reason reason, const char* text) {
  return on_sender(host, [&](HostSide& side) {
    if (!good_reason(reason)) return side.invalid(bad_reason);
    Act act = closing(Did::clients_close_all, reason, text);
    act.to = agent;
    return side.note(std::move(act), agent == 0 ? CM_OK : up(side, agent));
  });
}

cm_status ask_binding(const cm_host* host, const cm_client* client, Did did) {
  return on_sender(host, [&](HostSide& side) {
    if (!is_client(client)) return side.invalid("bind or unbind of a client that is none");
    return side.note({.did = did, .clients = {*client}}, up(side, client->agent));
  });
}

cm_status bind(const cm_host* host, const cm_client* client) { return ask_binding(host, client, Did::clients_bind); }
cm_status unbind(const cm_host* host, const cm_client* client) {
  return ask_binding(host, client, Did::clients_unbind);
}

}  // namespace
}  // namespace clients

const cm_host_clients host_clients{sizeof(cm_host_clients), 0,
                                   &clients::send,          &clients::send_list,
                                   &clients::broadcast,     &clients::close,
                                   &clients::close_list,    &clients::close_all,
                                   &clients::bind,          &clients::unbind};

}  // namespace cellmesh::test::detail
