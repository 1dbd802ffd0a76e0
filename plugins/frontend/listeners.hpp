// The listeners of a service's frontend as its settings want them. Agent and login name these settings alike.
#pragma once

#include <cellmesh/plugin.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace frontend {

using cellmesh::ListenerOptions;
using cellmesh::Status;
using cellmesh::Transport;

// `tcp, ws` as a list, each once, tcp in front: the address of the first listener is what a client or service that
// knows no URLs is told. Throws std::runtime_error, which says what is wrong.
inline std::vector<Transport> parse_transports(std::string_view text) {
  std::vector<Transport> all;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    const Transport transport = word == "tcp"   ? Transport::tcp
                                : word == "tls" ? Transport::tls
                                : word == "ws"  ? Transport::ws
                                : word == "wss" ? Transport::wss
                                                : Transport{};
    if (transport == Transport{}) {
      throw std::runtime_error(cellmesh::format(
          "the setting transports has \"{}\" in it; write some of tcp, tls, ws and wss, comma-separated", word));
    }
    if (std::find(all.begin(), all.end(), transport) == all.end()) all.push_back(transport);
  }
  std::stable_partition(all.begin(), all.end(), [](Transport t) { return t == Transport::tcp; });
  if (all.empty()) {
    throw std::runtime_error("the setting transports is empty; write some of tcp, tls, ws and wss, comma-separated");
  }
  return all;
}

// Settings say `never` by 0.
inline std::chrono::milliseconds time_of(std::uint32_t seconds) {
  return seconds != 0 ? std::chrono::seconds(seconds) : cellmesh::never;
}

template <class Settings>
ListenerOptions listener_options(const Settings& settings, Transport transport, const cellmesh::Page& page = {}) {
  const bool websocket = transport == Transport::ws || transport == Transport::wss;
  ListenerOptions options;
  options.transport = transport;
  options.port = static_cast<std::uint16_t>(transport == Transport::tcp   ? settings.port()
                                            : transport == Transport::tls ? settings.tls_port()
                                            : transport == Transport::ws  ? settings.ws_port()
                                                                          : settings.wss_port());
  options.max_handshakes = settings.max_handshakes();
  options.handshake_timeout = std::chrono::seconds(settings.handshake_timeout_sec());
  if constexpr (requires { settings.peer_timeout_sec(); }) {
    options.peer_timeout = time_of(settings.peer_timeout_sec());
  }
  if (transport == Transport::tls || transport == Transport::wss) {
    options.certificate = settings.tls_certificate();
    options.private_key = settings.tls_private_key();
    options.tls_min_version = settings.tls_min_version() == "1.3" ? 13 : 12;
  }
  if (websocket) {
    options.origins = settings.ws_origins();
    options.subprotocols = settings.ws_subprotocols();
    options.page = page;
    if constexpr (requires { settings.ws_max_body(); }) {
      options.max_body = settings.ws_max_body();
      options.deflate = settings.ws_deflate();
      options.ping_interval = time_of(settings.ws_ping_sec());
    }
  }
  return options;
}

// Opens the frontend with all of its listeners. Throws std::runtime_error: clients cannot come in as was wanted.
template <class Settings>
void open(const cellmesh::Listeners& listeners, const cellmesh::FrontendOptions& options, const Settings& settings,
          const cellmesh::Page& page = {}) {
  bool first = true;
  for (const Transport transport : parse_transports(settings.transports())) {
    const auto listener = listener_options(settings, transport, page);
    const Status opened = first ? listeners.open(options, listener) : listeners.add(listener);
    if (opened != Status::ok) {
      throw std::runtime_error(
          cellmesh::format("no listener for clients on {} port {}: {}", options.address, listener.port, opened));
    }
    first = false;
  }
}

// What may change while they are open. False: not all took it, and the log says why.
template <class Settings>
bool update(const cellmesh::Listeners& listeners, const Settings& settings, const cellmesh::Page& page = {}) {
  bool all = true;
  for (const auto& listener : listeners.list()) {
    const Status status = listeners.update(listener.number, listener_options(settings, listener.transport, page));
    all = all && status == Status::ok;
  }
  return all;
}

}  // namespace frontend
