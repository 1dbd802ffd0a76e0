#include <utility>

#include "net/frame.hpp"
#include "net/websocket.hpp"
#include "net/websocket_stream.hpp"

namespace cm::net {
namespace ws {
namespace {

// What is masked at once; it lives as long as the connection.
constexpr std::size_t kMasked = 512;

// As much as the framing of TCP holds.
const std::atomic<std::uint32_t> most_body{kMaxFrameBody};

class WebSocketClient final : public WebSocket {
 public:
  WebSocketClient(std::unique_ptr<Transport> lower, asio::io_context& context, BufferPool& pool, std::string host,
                  std::string target)
      : WebSocket(std::move(lower), context, pool, most_body), host_(std::move(host)), target_(std::move(target)) {}

  void handshake(Done done) override;
  [[nodiscard]] std::string trouble() const override { return trouble_.empty() ? WebSocket::trouble() : trouble_; }

 private:
  struct Opening {
    websocket::response_type response;
    Done done;
  };
  void upgrade();
  [[nodiscard]] std::string refusal(const error_code& ec, const websocket::response_type& response) const;

  const std::string host_;
  const std::string target_;
  std::unique_ptr<Opening> opening_;  // until it has opened, or not
  std::string trouble_;
};

void WebSocketClient::handshake(Done done) {
  opening_ = std::make_unique<Opening>();
  opening_->done = std::move(done);
  lower().handshake([this](bool ok) {
    if (ok) return upgrade();
    const auto opening = std::move(opening_);
    opening->done(false);
  });
}

void WebSocketClient::upgrade() {
  ws().write_buffer_bytes(kMasked);
  ws().set_option(websocket::stream_base::decorator(
      [](websocket::request_type& request) { request.set(http::field::user_agent, "cellmesh"); }));
  begin_operation();
  ws().async_handshake(opening_->response, host_, target_, [this](const error_code& ec) {
    if (!end_operation()) return;
    const auto opening = std::move(opening_);
    if (ec) trouble_ = refusal(ec, opening->response);
    opening->done(!ec);
  });
}

std::string WebSocketClient::refusal(const error_code& ec, const websocket::response_type& response) const {
  if (ec == websocket::error::upgrade_declined) {
    return "it answered \"" + std::to_string(response.result_int()) + " " + std::string(response.reason()) +
           "\" in place of an upgrade to WebSocket; see that " + host_ + target_ +
           " is a WebSocket, and lets in who names no origin";
  }
  const bool ended = ec == asio::error::eof || ec == http::error::end_of_stream || ec == http::error::partial_message;
  const std::string lower = WebSocket::trouble();
  return "no WebSocket: " +
         (!ended          ? ec.message()
          : lower.empty() ? "the server closed the connection"
                          : lower) +
         "; see that the address is that of a listener with ws, or wss";
}

}  // namespace
}  // namespace ws

std::unique_ptr<Transport> make_websocket_client(std::unique_ptr<Transport> lower, boost::asio::io_context& context,
                                                 BufferPool& pool, std::string host, std::string target) {
  return std::make_unique<ws::WebSocketClient>(std::move(lower), context, pool, std::move(host), std::move(target));
}

}  // namespace cm::net
