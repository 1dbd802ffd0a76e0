#include <utility>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "net/origin.hpp"
#include "net/websocket.hpp"
#include "net/websocket_stream.hpp"

namespace cm::net {
namespace ws {
namespace {

constexpr std::uint32_t kMaxRequest = 8U << 10U;

std::string_view text(beast::string_view view) { return {view.data(), view.size()}; }

class WebSocketServer final : public WebSocket {
 public:
  WebSocketServer(std::unique_ptr<Transport> lower, asio::io_context& context, BufferPool& pool,
                  std::shared_ptr<const WebSocketConfig> config, WebSocketHost& host,
                  const std::atomic<std::uint32_t>& max_body)
      : WebSocket(std::move(lower), context, pool, max_body), config_(std::move(config)), host_(host) {}

  void handshake(Done done) override;

 private:
  struct Opening {
    http::request_parser<http::empty_body> parser;
    Done done;
    bool answered = false;  // by HTTP; waits for the peer's end
  };
  void on_early() override;
  void judge_request();
  void answer(const std::string& text);
  void accept();
  [[nodiscard]] std::string_view select_subprotocol();
  void opened(bool ok);

  const std::shared_ptr<const WebSocketConfig> config_;
  WebSocketHost& host_;               // not after the handshake
  std::unique_ptr<Opening> opening_;  // until it has opened, or not
};

void WebSocketServer::handshake(Done done) {
  opening_ = std::make_unique<Opening>();
  opening_->done = std::move(done);
  opening_->parser.header_limit(kMaxRequest);
  lower().handshake([this](bool ok) {
    if (!ok) return opened(false);
    wait_early();
  });
}

void WebSocketServer::opened(bool ok) {
  const auto opening = std::move(opening_);
  opening->done(ok);
}

void WebSocketServer::on_early() {
  if (!opening_) return;
  const Io io = read_early(kMaxRequest);
  if (opening_->answered) drop_early();
  if (io.state != State::open) return opened(false);
  error_code ec;
  if (!opening_->answered && io.bytes != 0) {
    const std::size_t used = opening_->parser.put(asio::buffer(early().bytes().data(), early().size()), ec);
    early().consume(used);
    if (early().empty()) drop_early();  // who is idle holds no buffer
    if (ec == http::error::need_more) ec = {};
    const bool too_long = ec == http::error::header_limit || (!ec && early().size() >= kMaxRequest);
    if (too_long) return answer(http_answer(false, 431, "The request is too long."));
    if (ec) return answer(http_answer(false, 400, "This is not an HTTP request: " + ec.message() + "."));
    if (opening_->parser.is_header_done()) return judge_request();
  }
  wait_early();
}

void WebSocketServer::judge_request() {
  constexpr std::string_view kUpgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
  const auto& request = opening_->parser.get();
  const std::string_view target = text(request.target());
  const std::string_view path = target.substr(0, target.find('?'));
  const bool head = request.method() == http::verb::head;
  const auto refuse = [&](unsigned status, std::string_view why, std::string_view fields = {}) {
    answer(http_answer(head, status, why, fields));
  };
  if (!head && request.method() != http::verb::get)
    return refuse(405, "Only GET is served here.", "Allow: GET, HEAD\r\n");
  if (opening_->parser.chunked() || opening_->parser.content_length().value_or(0) != 0) {
    return refuse(400, "A body is not served here.");
  }
  if (path == "/healthz") return answer(http_health(head, host_.unhealthy()));
  if (path != "/") return refuse(404, "There is nothing here but / and /healthz.");
  if (!beast::http::token_list(request[http::field::upgrade]).exists("websocket")) {
    if (config_->page) return answer(http_page(head, *config_->page));
    return refuse(426, "This is a WebSocket: connect with one.", kUpgrade);
  }
  if (head || !websocket::is_upgrade(request)) {
    return refuse(400, "This is not an upgrade to WebSocket: see RFC 6455, 4.2.1.");
  }
  if (request[http::field::sec_websocket_version] != "13") {
    return refuse(426, "Only version 13 of WebSocket is served here.", kUpgrade);
  }
  const std::string_view origin = text(request[http::field::origin]);
  const std::string_view host = text(request[http::field::host]);
  if (!origin_allowed(config_->origins, origin, host)) {
    host_.origin_refused(peer(), origin, host);
    return refuse(403, "Pages of this origin may not connect here.");
  }
  accept();
}

// Returns the first of the offered ones that is listed; empty if there is none. An offer may take several fields.
std::string_view WebSocketServer::select_subprotocol() {
  const auto [begin, end] = opening_->parser.get().equal_range(http::field::sec_websocket_protocol);
  for (auto field = begin; field != end; ++field) {
    const std::string_view selected = config_->subprotocols.select(text(field->value()));
    if (!selected.empty()) return selected;
  }
  if (begin != end && !text(begin->value()).empty()) host_.no_subprotocol(peer(), text(begin->value()));
  return {};
}

void WebSocketServer::answer(const std::string& text) {
  opening_->answered = true;
  drop_early();
  append(std::as_bytes(std::span(text)));
  if (!flush_and_shut()) return opened(false);
  wait_early();  // until its end, lest a reset overtake the answer
}

void WebSocketServer::accept() {
  websocket::permessage_deflate deflate;
  deflate.server_enable = config_->deflate;
  // Small windows: they live as long as the client.
  deflate.server_max_window_bits = 12;
  deflate.client_max_window_bits = 12;
  deflate.memLevel = 4;
  deflate.compLevel = 3;
  deflate.msg_size_threshold = 128;
  ws().set_option(deflate);
  const std::string_view subprotocol = select_subprotocol();
  ws().set_option(websocket::stream_base::decorator([subprotocol](websocket::response_type& response) {
    response.set(http::field::server, "cellmesh");
    if (!subprotocol.empty()) response.set(http::field::sec_websocket_protocol, subprotocol);
  }));
  begin_operation();
  ws().async_accept(opening_->parser.get(), [this](const error_code& ec) {
    if (!end_operation()) return;
    if (!ec) return opened(true);
    // Beast has said what was wrong.
    opening_->answered = true;
    if (!flush_and_shut()) return opened(false);
    wait_early();
  });
}

}  // namespace
}  // namespace ws

std::unique_ptr<Transport> make_websocket(std::unique_ptr<Transport> lower, boost::asio::io_context& context,
                                          BufferPool& pool, std::shared_ptr<const WebSocketConfig> config,
                                          WebSocketHost& host, const std::atomic<std::uint32_t>& max_body) {
  return std::make_unique<ws::WebSocketServer>(std::move(lower), context, pool, std::move(config), host, max_body);
}

}  // namespace cm::net
