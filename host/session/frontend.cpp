#include "session/frontend.hpp"

namespace cm::session {

void Port::update(const routing::ListenerOptions& options, std::uint32_t frontend_max_body) {
  auto websocket = std::make_shared<net::WebSocketConfig>();
  websocket->origins = options.origins;
  websocket->deflate = options.deflate;
  if (auto parsed = net::Subprotocols::parse(options.subprotocols)) websocket->subprotocols = std::move(*parsed);
  if (!options.page_type.empty()) websocket->page = net::Page{options.page_type, options.page};
  own_max_body_.store(options.max_body, std::memory_order_relaxed);
  max_body = options.max_body != 0 ? options.max_body : frontend_max_body;
  ping_interval_ms = routing::is_websocket(transport) ? options.ping_interval_ms : 0;
  const std::lock_guard lock(mutex_);
  config_.handshake_timeout = std::chrono::milliseconds(options.handshake_timeout_ms);
  config_.max_handshakes = options.max_handshakes;
  config_.websocket = std::move(websocket);
}

}  // namespace cm::session
