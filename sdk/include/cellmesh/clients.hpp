// SPDX-License-Identifier: MIT
#ifndef CELLMESH_CLIENTS_HPP
#define CELLMESH_CLIENTS_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "client.hpp"
#include "core.hpp"
#include "status.hpp"

namespace cellmesh {

// Clients, addressed from any service: `clients().broadcast(news)`. What one service sends to one client arrives in the
// order sent. A client that does not read is closed by its gateway, so no send waits for it.
//
// Sends answer Status::ok (on its way), unavailable (its gateway is not up), too_large (over CM_MAX_CLIENT_BODY bytes),
// backpressure (the link to its gateway is full: nothing was queued). They may be ignored where a lost message is a
// client's loss only. All functions: [service thread], since 1.0.
class Clients {
 public:
  explicit Clients(detail::Core& core) : core_(core) {}

  // To one client.
  template <Message M>
  Status send(Client client, const M& message) const {
    const cm_client to = client.raw();
    return core_.with_bytes(message, [&](const std::uint8_t* data, std::size_t size) {
      return detail::ask(core_.clients, &cm_host_clients::send, core_.host, &to, MessageTraits<M>::id, data, size);
    });
  }

  // To each of a list, on any number of gateways; one copy a gateway crosses the mesh. An empty list sends to nobody.
  // The first failure, after all were tried.
  template <Message M>
  Status send(std::span<const Client> list, const M& message) const {
    const std::vector<cm_client> to = raw(list);
    return core_.with_bytes(message, [&](const std::uint8_t* data, std::size_t size) {
      return detail::ask(core_.clients, &cm_host_clients::send_list, core_.host, to.data(), to.size(),
                         MessageTraits<M>::id, data, size);
    });
  }

  // To every admitted client of all gateways.
  template <Message M>
  Status broadcast(const M& message) const {
    return broadcast_to(0, message);
  }

  // To every admitted client of one gateway. Status::invalid when `agent` names none: nobody gets it.
  template <Message M>
  Status broadcast(ServiceId agent, const M& message) const {
    return agent ? broadcast_to(agent.handle(), message) : Status::invalid;
  }

  // Closes a client after what was sent to it before. It gets a NoticeACK with `text` first, unless the reason is
  // CloseReason::done. One that is gone already is no failure.
  Status close(Client client, CloseReason reason, const std::string& text = {}) const {
    const cm_client to = client.raw();
    return detail::ask(core_.clients, &cm_host_clients::close, core_.host, &to, static_cast<cm_close_reason>(reason),
                       text.c_str());
  }

  // Closes each of a list. An empty list closes nobody.
  Status close(std::span<const Client> list, CloseReason reason, const std::string& text = {}) const {
    const std::vector<cm_client> to = raw(list);
    return detail::ask(core_.clients, &cm_host_clients::close_list, core_.host, to.data(), to.size(),
                       static_cast<cm_close_reason>(reason), text.c_str());
  }

  // Closes all clients of all gateways.
  Status close_all(CloseReason reason, const std::string& text = {}) const {
    return detail::ask(core_.clients, &cm_host_clients::close_all, core_.host, cm_service{0},
                       static_cast<cm_close_reason>(reason), text.c_str());
  }

  // Closes all clients of one gateway. Status::invalid when `agent` names none: nobody is closed.
  Status close_all(ServiceId agent, CloseReason reason, const std::string& text = {}) const {
    if (!agent) return Status::invalid;
    return detail::ask(core_.clients, &cm_host_clients::close_all, core_.host, agent.handle(),
                       static_cast<cm_close_reason>(reason), text.c_str());
  }

  // Asks the client's gateway to send it this service's kind's messages here from now on.
  Status bind(Client client) const {
    const cm_client to = client.raw();
    return detail::ask(core_.clients, &cm_host_clients::bind, core_.host, &to);
  }

  // Takes that back: the client's next message of this kind goes to the least-loaded again.
  Status unbind(Client client) const {
    const cm_client to = client.raw();
    return detail::ask(core_.clients, &cm_host_clients::unbind, core_.host, &to);
  }

 private:
  template <Message M>
  Status broadcast_to(cm_service agent, const M& message) const {
    return core_.with_bytes(message, [&](const std::uint8_t* data, std::size_t size) {
      return detail::ask(core_.clients, &cm_host_clients::broadcast, core_.host, agent, MessageTraits<M>::id, data,
                         size);
    });
  }

  static std::vector<cm_client> raw(std::span<const Client> list) {
    std::vector<cm_client> to;
    to.reserve(list.size());
    for (const Client& client : list) to.push_back(client.raw());
    return to;
  }

  detail::Core& core_;
};

}  // namespace cellmesh

#endif
