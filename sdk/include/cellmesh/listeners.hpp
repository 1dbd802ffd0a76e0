// SPDX-License-Identifier: MIT
#ifndef CELLMESH_LISTENERS_HPP
#define CELLMESH_LISTENERS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "abi/listeners.h"
#include "core.hpp"
#include "gateway.hpp"
#include "status.hpp"

namespace cellmesh {

// What a listener speaks. TCP and TLS carry the client framing; WebSocket carries one message in one binary message:
// little-endian u16 id, body. Since 1.1.
enum class Transport : std::int32_t {
  tcp = CM_TRANSPORT_TCP,
  tls = CM_TRANSPORT_TLS,
  ws = CM_TRANSPORT_WS,
  wss = CM_TRANSPORT_WSS,
};

// A page that a WebSocket listener gives to who asks with a plain GET of `/`. The bytes are copied. Since 1.1.
struct Page {
  std::string type = {};  // `text/html; charset=utf-8`; empty: there is no page
  std::string_view bytes = {};
};

// A time that is never over. Since 1.2.
inline constexpr std::chrono::milliseconds never{CM_NEVER};

// How a listener behaves. Since 1.1.
struct ListenerOptions {
  Transport transport = Transport::tcp;
  std::string address = {};  // to listen on; empty: that of the frontend
  // What clients are told to connect to; empty: that of the frontend. A list of hosts, `host:port` (for the frontend's
  // first listener) and URLs (for listeners of that transport), comma-separated; before 1.2 one host.
  std::string public_host = {};
  std::uint16_t port = 0;            // 0: any free one
  std::uint32_t max_body = 0;        // bytes of a client's message body; 0: that of the frontend
  std::uint32_t max_handshakes = 0;  // of TLS and WebSocket, at once; who comes beyond is closed; 0: 1,000
  std::chrono::milliseconds handshake_timeout{0};  // who is not done by then is closed; 0: 10 s
  std::string certificate = {};       // TLS: path of a PEM file, the server's certificate and what leads to its root
  std::string private_key = {};       // TLS: path of a PEM file. Both are read again when they change
  std::uint32_t tls_min_version = 0;  // 12 or 13 for TLS 1.2 and 1.3; 0: 12
  bool deflate = false;               // WebSocket: permessage-deflate with clients that ask for it
  // WebSocket: pages that may connect, comma-separated: `https://*.example.org`, `*` for any, `same-host` for those of
  // the host name that they connect to; empty: `same-host`. A client that names no origin is no page, and may.
  std::string origins = {};
  Page page = {};
  // WebSocket: subprotocols, comma-separated. Of those that a client offers the first that is listed is selected; one
  // that offers none, or none of these, gets none. Since 1.2.
  std::string subprotocols = {};
  // WebSocket: a client silent for longer is pinged, and closed when it says nothing for as long again; 0: 20 s; never.
  // Since 1.2.
  std::chrono::milliseconds ping_interval{0};
  // A client whose machine does not answer TCP for longer is closed: it lost its power or its network. Takes up to
  // twice the time. In whole seconds, 4 at least; of connections that are opened later. 0: 20 s; never. Since 1.2.
  std::chrono::milliseconds peer_timeout{0};
};

// How a client of this service's own frontend came in. Since 1.2.
struct ClientOrigin {
  Transport transport = Transport::tcp;
  std::string_view address = {};  // "203.0.113.7" or "2001:db8::7"; empty when it is gone already
};

// Since 1.1.
struct ListenerInfo {
  std::uint32_t number = 0;  // of the frontend's listeners, from 1 on
  Transport transport = Transport::tcp;
  std::uint16_t port = 0;
  std::string url = {};  // for clients: `tcp://host:port`, `tls://host:port`, `ws://host:port/`, `wss://host:port/`
  std::vector<std::string> urls = {};  // all of them, `url` first. Since 1.2
};

// The listeners of a service's frontend: clients that come in by any of them are clients of the same frontend, under
// the same rules. Status::invalid: bad options; unavailable: it cannot listen there or cannot use the certificate, and
// the log says why, or this host is older than 1.1. They close with the frontend. All functions: [service thread],
// since 1.1.
class Listeners {
 public:
  explicit Listeners(detail::Core& core) : core_(core) {}

  // As Gateway::open(), but the first listener is `first`; the port in `options` is not looked at.
  [[nodiscard]] Status open(const FrontendOptions& options, const ListenerOptions& first,
                            std::uint32_t* number = nullptr) const {
    const cm_frontend_options raw = Gateway::convert(options);
    const cm_listener_options raw_first = convert(first);
    return detail::ask(core_.listeners, &cm_host_listeners::open, core_.host, &raw, &raw_first, number);
  }

  // One more listener of the frontend, which is open.
  [[nodiscard]] Status add(const ListenerOptions& options, std::uint32_t* number = nullptr) const {
    const cm_listener_options raw = convert(options);
    return detail::ask(core_.listeners, &cm_host_listeners::add, core_.host, &raw, number);
  }

  // Other options for a listener; transport, address, public_host and port stay, and so does who is connected.
  // Status::not_found: there is none of this number.
  Status update(std::uint32_t number, const ListenerOptions& options) const {
    const cm_listener_options raw = convert(options);
    return detail::ask(core_.listeners, &cm_host_listeners::update, core_.host, number, &raw);
  }

  // All of them, by number; none when the frontend is not open.
  [[nodiscard]] std::vector<ListenerInfo> list() const {
    std::vector<ListenerInfo> all;
    if (core_.listeners == nullptr) return all;
    const auto add = [](void* to, const cm_listener_info* info) {
      const bool has_urls = info->struct_size > offsetof(cm_listener_info, urls) && info->urls != nullptr;
      static_cast<std::vector<ListenerInfo>*>(to)->push_back({info->number, static_cast<Transport>(info->transport),
                                                              static_cast<std::uint16_t>(info->port), info->url,
                                                              words(has_urls ? info->urls : info->url)});
    };
    static_cast<void>(core_.listeners->list(core_.host, add, &all));
    return all;
  }

 private:
  static std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> all;
    while (!text.empty()) {
      const auto space = text.find(' ');
      all.emplace_back(text.substr(0, space));
      text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
    }
    return all;
  }

  static cm_listener_options convert(const ListenerOptions& options) {
    cm_listener_options raw{};
    raw.struct_size = sizeof raw;
    raw.transport = static_cast<cm_transport>(options.transport);
    raw.address = options.address.c_str();
    raw.public_host = options.public_host.c_str();
    raw.port = options.port;
    raw.max_body = options.max_body;
    raw.max_handshakes = options.max_handshakes;
    raw.handshake_timeout_ms = detail::to_ms32(options.handshake_timeout);
    raw.certificate = options.certificate.c_str();
    raw.private_key = options.private_key.c_str();
    raw.tls_min_version = options.tls_min_version;
    raw.deflate = options.deflate ? 1 : 0;
    raw.origins = options.origins.c_str();
    raw.page_type = options.page.type.c_str();
    raw.page = reinterpret_cast<const std::uint8_t*>(options.page.bytes.data());
    raw.page_size = options.page.bytes.size();
    raw.subprotocols = options.subprotocols.c_str();
    raw.ping_interval_ms = detail::to_ms32(options.ping_interval);
    raw.peer_timeout_ms = detail::to_ms32(options.peer_timeout);
    return raw;
  }

  detail::Core& core_;
};

}  // namespace cellmesh

#endif
