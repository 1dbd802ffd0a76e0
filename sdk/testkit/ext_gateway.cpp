// SPDX-License-Identifier: MIT
#include <algorithm>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace gateway {
namespace {

constexpr std::uint16_t any_port = 40001;  // what a frontend gets that did not ask for one

// Reads the options. Returns why they are bad, or an empty text.
std::string_view bad_options(const cm_frontend_options* given, cm_frontend_options& in) {
  if (!read_struct(given, offsetof(cm_frontend_options, ping_id), in)) return "frontend options are NULL or too short";
  if (in.port > 65'535) return "a frontend's port is over 65535";
  if (in.max_body > CM_MAX_CLIENT_BODY) return "a frontend's max_body is over CM_MAX_CLIENT_BODY";
  if (in.ping_id > 65'535) return "a frontend's ping_id is over 65535";
  return {};
}

void keep(const cm_frontend_options& in, Frontend& frontend) {
  frontend.options = in;
  frontend.address = in.address != nullptr ? in.address : "";
  frontend.public_host = in.public_host != nullptr ? in.public_host : "";
  frontend.options.address = nullptr;
  frontend.options.public_host = nullptr;
}

cm_status open(const cm_host* host, const cm_frontend_options* given, uint16_t* port) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    cm_frontend_options options{};
    if (const auto why = bad_options(given, options); !why.empty()) return side.invalid(why);
    if (Generation::of(host)->phase == Phase::stopping) return CM_STOPPING;
    if (side.frontend) return side.invalid("it has a frontend already");
    const cm_status status = side.note({.did = Did::gateway_open});
    if (status != CM_OK) {
      side.write_line(CM_LOG_ERROR, "cannot open its frontend: the test refuses it");
      return status;
    }
    keep(options, side.frontend.emplace());
    const auto got = options.port != 0 ? static_cast<std::uint16_t>(options.port) : any_port;
    const std::string public_host = side.frontend->public_host.empty() ? "127.0.0.1" : side.frontend->public_host;
    side.find(side.ref)->peer.address = public_host + ":" + std::to_string(got);
    FrontendListener& first = side.frontend->listeners.emplace_back();
    first.options.transport = CM_TRANSPORT_TCP;
    first.port = got;
    first.url = "tcp://" + side.find(side.ref)->peer.address;
    if (port != nullptr) *port = got;
    return CM_OK;
  });
}

cm_status update(const cm_host* host, const cm_frontend_options* given) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    cm_frontend_options options{};
    if (const auto why = bad_options(given, options); !why.empty()) return side.invalid(why);
    if (!side.frontend) return side.invalid("it has no frontend to update");
    const cm_status status = side.note({.did = Did::gateway_update});
    if (status != CM_OK) return status;
    const Frontend before = *side.frontend;  // address, port and `routes` stay
    keep(options, *side.frontend);
    side.frontend->address = before.address;
    side.frontend->options.port = before.options.port;
    side.frontend->options.routes = before.options.routes;
    return CM_OK;
  });
}

cm_status intercept(const cm_host* host, uint16_t id) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (id == 0) return side.invalid("a message has no id 0");
    if (!side.frontend) return side.invalid("intercept before its frontend was opened");
    const cm_status status = side.note({.did = Did::gateway_intercept, .id = id});
    if (status == CM_OK) side.frontend->intercepted.insert(id);
    return status;
  });
}

// A command about a client of this service's own: fill(act) adds what else there is, and says what comes of it.
template <class Fill>
cm_status command(const cm_host* host, const cm_client* client, Did did, Fill&& fill) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (client == nullptr || client->session == 0 || client->agent != side.ref) {
      return side.invalid("the client is none of this service's own frontend");
    }
    Act act{.did = did, .clients = {*client}};
    const cm_status natural = fill(side, act);
    return natural == CM_INVALID ? natural : side.note(std::move(act), natural);
  });
}

cm_status release(const cm_host* host, const cm_client* client) {
  return command(host, client, Did::gateway_release, [](HostSide&, Act&) { return CM_OK; });
}

cm_status admit(const cm_host* host, const cm_client* client) {
  const cm_status status = command(host, client, Did::gateway_admit, [](HostSide&, Act&) { return CM_OK; });
  if (status == CM_OK) {
    HostSide& side = *HostSide::of(host);
    if (const auto found = side.clients.find(client->session); found != side.clients.end()) found->second = true;
  }
  return status;
}

cm_status bind(const cm_host* host, const cm_client* client, cm_service service) {
  return command(host, client, Did::gateway_bind, [&](HostSide& side, Act& act) -> cm_status {
    act.to = service;
    return side.is_up(service) ? CM_OK : CM_UNAVAILABLE;
  });
}

cm_status unbind(const cm_host* host, const cm_client* client, const char* kind) {
  return command(host, client, Did::gateway_unbind, [&](HostSide& side, Act& act) -> cm_status {
    if (kind == nullptr || *kind == '\0') return side.invalid("unbind without a kind");
    act.text = kind;
    return CM_OK;
  });
}

uint64_t client_count(const cm_host* host, uint64_t* admitted) {
  if (admitted != nullptr) *admitted = 0;
  const HostSide* side = HostSide::of(host);
  if (side == nullptr) return 0;
  const auto in = std::count_if(side->clients.begin(), side->clients.end(), [](const auto& c) { return c.second; });
  if (admitted != nullptr) *admitted = static_cast<std::uint64_t>(in);
  return side->clients.size();
}

}  // namespace
}  // namespace gateway

const cm_host_gateway host_gateway{sizeof(cm_host_gateway), 0,
                                   &gateway::open,          &gateway::update,
                                   &gateway::intercept,     &gateway::release,
                                   &gateway::admit,         &gateway::bind,
                                   &gateway::unbind,        &gateway::client_count};

}  // namespace cellmesh::test::detail
