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

class WebSocketServer final : public WebSocket {
 public:
  WebSocketServer(std::unique_ptr<Transport> lower, asio::io_context& context, BufferPool& pool,
                  std::shared_ptr<const WebSocketConfig> config, const std::atomic<std::uint32_t>& max_body)
      : WebSocket(std::move(lower), context, pool, max_body), config_(std::move(config)) {}

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
  void opened(bool ok);

  const std::shared_ptr<const WebSocketConfig> config_;
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
    if (too_long) return answer(http_answer(431, "The request is too long."));
    if (ec) return answer(http_answer(400, "This is no HTTP request: " + ec.message() + "."));
    if (opening_->parser.is_header_done()) return judge_request();
  }
  wait_early();
}

void WebSocketServer::judge_request() {
  constexpr std::string_view kUpgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
  const auto& request = opening_->parser.get();
  const auto text = [](beast::string_view view) { return std::string_view(view.data(), view.size()); };
  const std::string_view target = text(request.target());
  const bool get = request.method() == http::verb::get;
  if (!get && request.method() != http::verb::head) {
    return answer(http_answer(405, "Only GET is served here.", "Allow: GET, HEAD\r\n"));
  }
  if (target.substr(0, target.find('?')) != "/") return answer(http_answer(404, "There is nothing here but /."));
  if (opening_->parser.chunked() || opening_->parser.content_length().value_or(0) != 0) {
    return answer(http_answer(400, "A body is not served here."));
  }
  if (!beast::http::token_list(request[http::field::upgrade]).exists("websocket")) {
    if (config_->page) return answer(http_page(*config_->page, !get));
    return answer(http_answer(426, "This is a WebSocket: connect with one.", kUpgrade));
  }
  if (!get || !websocket::is_upgrade(request)) {
    return answer(http_answer(400, "This is no upgrade to WebSocket: see RFC 6455, 4.2.1."));
  }
  if (request[http::field::sec_websocket_version] != "13") {
    return answer(http_answer(426, "Only version 13 of WebSocket is served here.", kUpgrade));
  }
  if (!origin_allowed(config_->origins, text(request[http::field::origin]), text(request[http::field::host]))) {
    return answer(http_answer(403, "Pages of this origin may not connect here."));
  }
  accept();
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
  ws().set_option(websocket::stream_base::decorator(
      [](websocket::response_type& response) { response.set(http::field::server, "cellmesh"); }));
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
                                          const std::atomic<std::uint32_t>& max_body) {
  return std::make_unique<ws::WebSocketServer>(std::move(lower), context, pool, std::move(config), max_body);
}

}  // namespace cm::net
