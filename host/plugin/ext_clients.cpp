#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "plugin/host_extensions.hpp"
#include "plugin/text.hpp"

namespace cm::plugin {
namespace {

using routing::ClientId;
using routing::Envelope;
using routing::Kind;
using routing::ServiceRef;

constexpr std::size_t kMaxText = 1000;
constexpr std::size_t kClientsAnEnvelope = 65'536;

ClientId id_of(const cm_client& client) { return {static_cast<ServiceRef>(client.agent), client.session}; }
bool is_client(const cm_client* client) { return client != nullptr && client->agent != 0 && client->session != 0; }

cm_status check_body(Service& s, uint16_t id, const uint8_t* body, size_t size) {
  if (id == 0) return s.invalid("a message has no id 0");
  if (bad_bytes(body, size)) return s.invalid("a message's body is NULL");
  return size > CM_MAX_CLIENT_BODY ? CM_TOO_LARGE : CM_OK;
}

bool good_reason(cm_close_reason reason) {
  return reason >= CM_CLOSE_MALFORMED && reason <= CM_CLOSE_REPLACED && reason != CM_CLOSE_GATEWAY_LOST;
}

// Tells once: `first` keeps the first failure.
void note(cm_status& first, cm_status status) {
  if (first == CM_OK) first = status;
}

// One envelope an agent (and 65,536 clients), the list before the payload. Clients of one agent keep their order.
cm_status to_list(Service& s, const cm_client* clients, size_t count, Envelope e, std::span<const std::byte> payload) {
  cm_status first = CM_OK;
  std::vector<ClientId> sorted;
  sorted.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (is_client(&clients[i])) {
      sorted.push_back(id_of(clients[i]));
    } else {
      note(first, s.invalid("a list holds a client that is none"));
    }
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.agent < b.agent; });
  std::vector<std::byte> body;
  for (std::size_t begin = 0; begin < sorted.size();) {
    std::size_t end = begin;
    while (end < sorted.size() && sorted[end].agent == sorted[begin].agent && end - begin < kClientsAnEnvelope) ++end;
    const auto n = static_cast<std::uint32_t>(end - begin);
    body.resize(sizeof n + n * sizeof(std::uint64_t));
    std::memcpy(body.data(), &n, sizeof n);
    for (std::size_t i = begin; i < end; ++i) {
      std::memcpy(body.data() + sizeof n + (i - begin) * sizeof(std::uint64_t), &sorted[i].session,
                  sizeof(std::uint64_t));
    }
    body.insert(body.end(), payload.begin(), payload.end());
    e.to = sorted[begin].agent;
    e.body = body;
    note(first, s.send(e));
    begin = end;
  }
  return first;
}

// To `agent`, or to every gateway when it is 0.
cm_status to_gateways(Service& s, cm_service agent, Envelope e) {
  if (agent != 0) {
    e.to = static_cast<ServiceRef>(agent);
    return s.send(e);
  }
  cm_status first = CM_OK;
  const auto snapshot = s.registry().snapshot();
  for (const auto& entry : snapshot->entries) {
    if (!entry.gateway) continue;
    e.to = entry.ref;
    note(first, s.send(e));
  }
  return first;
}

cm_status send(const cm_host* host, const cm_client* client, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](Service& s) {
    if (!is_client(client)) return s.invalid("send to a client that is none");
    if (const cm_status status = check_body(s, id, body, size); status != CM_OK) return status;
    auto e = s.envelope(Kind::to_client, static_cast<ServiceRef>(client->agent));
    e.client = id_of(*client);
    e.msg_id = id;
    e.status = s.since(id);
    e.body = body_of(body, size);
    return s.send(e);
  });
}

cm_status send_list(const cm_host* host, const cm_client* clients, size_t count, uint16_t id, const uint8_t* body,
                    size_t size) {
  return on_sender(host, [&](Service& s) {
    if (bad_bytes(clients, count)) return s.invalid("a list of clients is NULL");
    if (const cm_status status = check_body(s, id, body, size); status != CM_OK) return status;
    auto e = s.envelope(Kind::to_clients, ServiceRef::none);
    e.msg_id = id;
    e.status = s.since(id);
    return to_list(s, clients, count, e, body_of(body, size));
  });
}

cm_status broadcast(const cm_host* host, cm_service agent, uint16_t id, const uint8_t* body, size_t size) {
  return on_sender(host, [&](Service& s) {
    if (const cm_status status = check_body(s, id, body, size); status != CM_OK) return status;
    auto e = s.envelope(Kind::broadcast, ServiceRef::none);
    e.msg_id = id;
    e.status = s.since(id);
    e.body = body_of(body, size);
    return to_gateways(s, agent, e);
  });
}

cm_status close(const cm_host* host, const cm_client* client, cm_close_reason reason, const char* text) {
  return on_sender(host, [&](Service& s) {
    if (!is_client(client)) return s.invalid("close of a client that is none");
    if (!good_reason(reason)) return s.invalid("close for a reason that is none to close for");
    const std::string why = base::as_utf8(text != nullptr ? text : "", kMaxText);
    auto e = s.envelope(Kind::close_client, static_cast<ServiceRef>(client->agent));
    e.client = id_of(*client);
    e.status = reason;
    e.body = std::as_bytes(std::span(why));
    return s.send(e);
  });
}

cm_status close_list(const cm_host* host, const cm_client* clients, size_t count, cm_close_reason reason,
                     const char* text) {
  return on_sender(host, [&](Service& s) {
    if (bad_bytes(clients, count)) return s.invalid("a list of clients is NULL");
    if (!good_reason(reason)) return s.invalid("close for a reason that is none to close for");
    const std::string why = base::as_utf8(text != nullptr ? text : "", kMaxText);
    auto e = s.envelope(Kind::close_clients, ServiceRef::none);
    e.status = reason;
    return to_list(s, clients, count, e, std::as_bytes(std::span(why)));
  });
}

cm_status close_all(const cm_host* host, cm_service agent, cm_close_reason reason, const char* text) {
  return on_sender(host, [&](Service& s) {
    if (!good_reason(reason)) return s.invalid("close for a reason that is none to close for");
    const std::string why = base::as_utf8(text != nullptr ? text : "", kMaxText);
    auto e = s.envelope(Kind::close_all, ServiceRef::none);
    e.status = reason;
    e.body = std::as_bytes(std::span(why));
    return to_gateways(s, agent, e);
  });
}

cm_status ask_binding(const cm_host* host, const cm_client* client, Kind kind) {
  return on_sender(host, [&](Service& s) {
    if (!is_client(client)) return s.invalid("bind or unbind of a client that is none");
    const std::string_view body = kind == Kind::bind ? s.id() : s.kind();
    auto e = s.envelope(kind, static_cast<ServiceRef>(client->agent));
    e.client = id_of(*client);
    e.body = std::as_bytes(std::span(body));
    return s.send(e);
  });
}

cm_status bind(const cm_host* host, const cm_client* client) { return ask_binding(host, client, Kind::bind); }
cm_status unbind(const cm_host* host, const cm_client* client) { return ask_binding(host, client, Kind::unbind); }

}  // namespace

const cm_host_clients kHostClients{
    sizeof(cm_host_clients), 0, &send, &send_list, &broadcast, &close, &close_list, &close_all, &bind, &unbind};

}  // namespace cm::plugin
