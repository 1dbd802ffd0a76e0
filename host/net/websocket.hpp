#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "net/buffer.hpp"
#include "net/http_answer.hpp"
#include "net/subprotocols.hpp"
#include "net/transport.hpp"

namespace cm::net {

struct WebSocketConfig {
  std::string origins;   // see origin_allowed()
  bool deflate = false;  // permessage-deflate, when the client asks for it
  std::optional<Page> page;
  Subprotocols subprotocols;
};

// Who serves what a WebSocket listener accepts. Outlives the handshakes; [io worker].
class WebSocketHost {
 public:
  // Returns what a health check is told instead of `ok`; empty if nothing is wrong.
  [[nodiscard]] virtual std::string unhealthy() const = 0;
  // A page of this origin was refused, which reached the listener as `host`.
  virtual void origin_refused(std::string_view peer, std::string_view origin, std::string_view host) = 0;
  // The client offers none of the listener's subprotocols, and is let in without one: browsers give up then.
  virtual void no_subprotocol(std::string_view peer, std::string_view offered) = 0;

 protected:
  ~WebSocketHost() = default;
};

// Client frames as binary messages of a WebSocket (RFC 6455), u16 id and body each, over the bytes of `lower` (TCP or
// TLS). A plain GET of `/` gets the page, if there is one, and one of `/healthz` the answer to a health check; any
// other request that is no good upgrade gets an HTTP error. What breaks the protocol of WebSocket itself is answered by
// a close frame with the code of RFC 6455 alone; all else that a session closes for is told by its notice first. At
// most one message beyond what the session took is kept, and at most `max_body` bytes of it, inflated; `pool` and
// `max_body` outlive the transport.
std::unique_ptr<Transport> make_websocket(std::unique_ptr<Transport> lower, boost::asio::io_context& context,
                                          BufferPool& pool, std::shared_ptr<const WebSocketConfig> config,
                                          WebSocketHost& host, const std::atomic<std::uint32_t>& max_body);

// The client's end of the same, on the bytes of `lower`, whose handshake it begins: asks `host`, `name:port`, for the
// upgrade of `target`.
std::unique_ptr<Transport> make_websocket_client(std::unique_ptr<Transport> lower, boost::asio::io_context& context,
                                                 BufferPool& pool, std::string host, std::string target);

}  // namespace cm::net
