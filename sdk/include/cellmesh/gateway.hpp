// SPDX-License-Identifier: MIT
#ifndef CELLMESH_GATEWAY_HPP
#define CELLMESH_GATEWAY_HPP

#include <chrono>
#include <cstdint>
#include <string>

#include "client.hpp"
#include "core.hpp"
#include "status.hpp"

namespace cellmesh {

// How a frontend, the listener for clients, behaves. Since 1.0.
struct FrontendOptions {
  bool routes = false;             // messages to other services are carried to them; admitted clients get broadcasts
  std::string address = {};        // to listen on; empty: 0.0.0.0
  std::string public_host = {};    // what clients are told to connect to, as in ListenerOptions; empty: an address that
                                   // reaches this machine
  std::uint16_t port = 0;          // 0: any free one
  std::uint32_t max_clients = 0;   // 0: 100,000
  std::uint32_t max_body = 0;      // bytes of a client's message body; 0: CM_MAX_CLIENT_BODY
  std::uint32_t outbox_limit = 0;  // bytes that may wait for a client that does not read; 0: 1 MiB
  std::chrono::milliseconds idle_timeout{0};   // a client silent for longer is closed; 0: never
  std::chrono::milliseconds admit_timeout{0};  // a client not admitted for longer is closed; 0: never
  std::uint32_t max_refused = 0;  // messages without a route, or before they are allowed, until it is closed; 0: 8
  std::uint16_t ping_id = 0;      // the message by which clients show that they live; 0: none. Since 1.2
  // A client that has sent that message and is then silent for longer is closed; 0: never. Since 1.2.
  std::chrono::milliseconds ping_timeout{0};
};

// For a service that owns a frontend, an *agent*: it decides who may enter, who is bound where, who is kicked; the host
// carries. Clients given to these functions must be of this service's own frontend (else Status::invalid); one that is
// gone meanwhile is no failure. Commands to one client take effect in the order given. All functions: [service thread],
// since 1.0.
class Gateway {
 public:
  explicit Gateway(detail::Core& core) : core_(core) {}

  // Opens this service's frontend, one a service, and writes the port that it got to `*port`. Clients are accepted once
  // start() has returned; it closes when the service stops. Status::invalid: bad options, or opened already;
  // unavailable: it cannot listen there, and the log says why.
  [[nodiscard]] Status open(const FrontendOptions& options, std::uint16_t* port = nullptr) const {
    const cm_frontend_options raw = convert(options);
    return detail::ask(core_.gateway, &cm_host_gateway::open, core_.host, &raw, port);
  }

  // Applies new limits and time-outs to the open frontend and its clients; address, port and `routes` stay.
  Status update(const FrontendOptions& options) const {
    const cm_frontend_options raw = convert(options);
    return detail::ask(core_.gateway, &cm_host_gateway::update, core_.host, &raw);
  }

  // Clients' messages of type M come to this service whatever their route says, and what a client sends behind one
  // waits until release(). The frontend must be open.
  template <Message M>
  Status intercept() const {
    return detail::ask(core_.gateway, &cm_host_gateway::intercept, core_.host, MessageTraits<M>::id);
  }

  // Lets a client's waiting messages go on, after an intercepted one.
  Status release(Client client) const { return command(&cm_host_gateway::release, client); }

  // Accepts the client: it gets `auth` routes and broadcasts from now on.
  Status admit(Client client) const { return command(&cm_host_gateway::admit, client); }

  // Binds the client's messages of `service`'s kind to it. Status::unavailable when it is not up.
  Status bind(Client client, ServiceId service) const {
    const cm_client to = client.raw();
    return detail::ask(core_.gateway, &cm_host_gateway::bind, core_.host, &to, service.handle());
  }

  // Ends the client's binding to a kind.
  Status unbind(Client client, const std::string& kind) const {
    const cm_client to = client.raw();
    return detail::ask(core_.gateway, &cm_host_gateway::unbind, core_.host, &to, kind.c_str());
  }

  // Sets the version of the client protocol that clients which connect from now on speak until set_protocol(); any
  // version before the first call. Messages with a later `option (cellmesh.since)` are left out for them. The frontend
  // must be open. Status::unavailable: this host is older than 1.2 and sends everything to everybody. Since 1.2.
  Status set_default_protocol(std::uint32_t version) const {
    return detail::ask(core_.client_protocol, &cm_host_client_protocol::set_default, core_.host, version);
  }

  // Sets the version that one client speaks; takes effect in order with what this service sends to it. Status::invalid:
  // the version is not 1 to 255. Since 1.2.
  Status set_protocol(Client client, std::uint32_t version) const {
    const cm_client to = client.raw();
    return detail::ask(core_.client_protocol, &cm_host_client_protocol::set, core_.host, &to, version);
  }

  // Clients connected now. [any thread]
  [[nodiscard]] std::uint64_t client_count() const {
    return core_.gateway != nullptr ? core_.gateway->client_count(core_.host, nullptr) : 0;
  }

  // Clients admitted now. [any thread]
  [[nodiscard]] std::uint64_t admitted_count() const {
    std::uint64_t admitted = 0;
    if (core_.gateway != nullptr) static_cast<void>(core_.gateway->client_count(core_.host, &admitted));
    return admitted;
  }

 private:
  friend class Listeners;

  Status command(cm_status (*cm_host_gateway::*function)(const cm_host*, const cm_client*), Client client) const {
    const cm_client to = client.raw();
    return detail::ask(core_.gateway, function, core_.host, &to);
  }

  static cm_frontend_options convert(const FrontendOptions& options) {
    cm_frontend_options raw{};
    raw.struct_size = sizeof raw;
    raw.routes = options.routes ? 1 : 0;
    raw.address = options.address.empty() ? nullptr : options.address.c_str();
    raw.public_host = options.public_host.c_str();
    raw.port = options.port;
    raw.max_clients = options.max_clients;
    raw.max_body = options.max_body;
    raw.outbox_limit = options.outbox_limit;
    raw.idle_timeout_ms = detail::to_ms32(options.idle_timeout);
    raw.admit_timeout_ms = detail::to_ms32(options.admit_timeout);
    raw.max_refused = options.max_refused;
    raw.ping_id = options.ping_id;
    raw.ping_timeout_ms = detail::to_ms32(options.ping_timeout);
    return raw;
  }

  detail::Core& core_;
};

}  // namespace cellmesh

#endif
