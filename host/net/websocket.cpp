// The only file that knows Beast, hence its length. Beast reads asynchronously, and writes into memory: what it writes
// lies in `out_` at once, as a whole, so that a pong cannot fall between the parts of a message, and all messages of a
// flush are one write.
#include "net/websocket.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "net/frame.hpp"
#include "net/origin.hpp"

namespace cm::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

constexpr std::size_t kId = 2;  // bytes of a message's id
constexpr std::uint32_t kMaxRequest = 8U << 10U;
// Bytes that wait for the layer below; from there on nothing is taken, and no ping answered.
constexpr std::size_t kOut = 64U << 10U;
// Read into the object itself until more is there, so that who is idle holds no buffer.
constexpr std::size_t kFirst = 256;
constexpr std::size_t kPart = 16U << 10U;

// A read or write of Beast that waits.
class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;
  virtual void complete(const error_code& ec, std::size_t bytes) = 0;
};

template <class Handler>
class OperationOf final : public Operation {
 public:
  explicit OperationOf(Handler handler) : handler_(std::move(handler)) {}
  void complete(const error_code& ec, std::size_t bytes) override { handler_(ec, bytes); }

 private:
  Handler handler_;
};

class WebSocket;

// The stream below, as Beast wants it.
class Wire {
 public:
  using executor_type = asio::io_context::executor_type;
  Wire(WebSocket& owner, executor_type executor) : owner_(owner), executor_(executor) {}
  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler);
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler);
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& ec);
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers);
  // Beast asks that there be such, and does not call it.
  template <class Buffers>
  std::size_t read_some(const Buffers& /*buffers*/, error_code& ec) {
    ec = asio::error::operation_not_supported;
    return 0;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& /*buffers*/) {
    throw boost::system::system_error(asio::error::operation_not_supported);
  }

 private:
  WebSocket& owner_;
  executor_type executor_;
};

// Ends are the session's business.
void beast_close_socket(Wire& /*wire*/) {}
template <class Handler>
void async_teardown(beast::role_type /*role*/, Wire& wire, Handler&& handler) {
  asio::post(wire.get_executor(), [handler = std::forward<Handler>(handler)]() mutable { handler(error_code()); });
}

class WebSocket final : public Transport, private Transport::Handler {
 public:
  WebSocket(std::unique_ptr<Transport> lower, asio::io_context& context, BufferPool& pool,
            std::shared_ptr<const WebSocketConfig> config, const std::atomic<std::uint32_t>& max_body)
      : lower_(std::move(lower)),
        pool_(pool),
        config_(std::move(config)),
        max_body_(max_body),
        executor_(context.get_executor()),
        ws_(*this, executor_) {
    lower_->attach(*this);
  }
  ~WebSocket() override {
    in_.release(pool_);
    out_.release(pool_);
    early_.release(pool_);
  }

  void attach(Transport::Handler& handler) override { handler_ = &handler; }
  void handshake(Done done) override;
  Io read(std::span<std::byte> into) override;
  Io write(std::span<const std::byte> bytes) override;
  void wait_read() override;
  void wait_write() override;
  void shutdown_write(std::uint16_t code) override;
  void close() override;
  [[nodiscard]] bool busy() const override { return operations_ != 0 || lower_->busy(); }
  [[nodiscard]] std::string peer() const override { return lower_->peer(); }
  [[nodiscard]] std::string_view name() const override { return lower_->name() == "tls" ? "wss" : "ws"; }

  // Wire's.
  void lower_read(std::span<std::byte> into, std::unique_ptr<Operation> operation);
  void lower_written(std::unique_ptr<Operation> operation, std::size_t bytes);
  void append(std::span<const std::byte> bytes) { out_.append(pool_, bytes); }

 private:
  struct Opening {
    http::request_parser<http::empty_body> parser;
    Done done;
    bool answered = false;  // by HTTP; waits for the peer's end
  };

  // Of the layer below.
  void on_readable() override;
  void on_writable() override;
  void on_released() override { released(); }

  void read_request();
  void judge_request();
  void answer(const std::string& text);
  void accept();
  void opened(bool ok);

  void start_read();
  void on_read(const error_code& ec, std::size_t bytes);
  void refuse(State state, websocket::close_code code);
  void take_part(std::span<const std::byte> part);
  void finish_message();
  void drain();
  bool flush();
  void end(State state);
  void tell_reader();
  void post_tell_reader();
  void released();
  // Runs work() later on the worker, unless it is closed then.
  template <class Work>
  void post(Work work);

  // Constant after construction.
  const std::unique_ptr<Transport> lower_;
  BufferPool& pool_;
  const std::shared_ptr<const WebSocketConfig> config_;
  const std::atomic<std::uint32_t>& max_body_;
  const asio::io_context::executor_type executor_;

  websocket::stream<Wire> ws_;
  Transport::Handler* handler_ = nullptr;
  std::unique_ptr<Opening> opening_;
  Buffer early_;  // what was read of the layer below and not by Beast yet
  Buffer in_;     // the message that comes, or what the session did not take yet of the one that came
  Buffer out_;    // for the layer below
  std::span<std::byte> reading_into_;
  std::unique_ptr<Operation> reader_;  // Beast waits for bytes
  std::unique_ptr<Operation> writer_;  // Beast waits for room
  std::size_t written_ = 0;            // that writer_ is to be told
  std::array<std::byte, kFirst> first_;
  std::uint32_t operations_ = 0;  // of Beast, or posted: they know this object
  std::uint16_t refused_code_ = 0;
  State state_ = State::open;  // what read() says when all that came is taken
  bool reading_ = false;       // Beast reads
  bool message_ready_ = false;
  bool closing_ = false;       // our close frame is written; Beast waits for the peer's
  bool over_ = false;          // Beast reads no more
  bool lower_ended_ = false;   // takes no more
  bool lower_reads_ = false;   // a wait of the layer below is pending
  bool lower_writes_ = false;  // likewise
  bool shut_ = false;          // the layer below is to say that no more comes, after out_
  bool wants_read_ = false;
  bool wants_write_ = false;
  bool closed_ = false;
  bool released_ = false;
};

template <class Buffers, class Handler>
void Wire::async_read_some(const Buffers& buffers, Handler&& handler) {
  std::span<std::byte> into;
  for (const auto buffer : beast::buffers_range_ref(buffers)) {
    into = {static_cast<std::byte*>(buffer.data()), buffer.size()};
    if (!into.empty()) break;
  }
  owner_.lower_read(into, std::make_unique<OperationOf<std::decay_t<Handler>>>(std::forward<Handler>(handler)));
}

template <class Buffers>
std::size_t Wire::write_some(const Buffers& buffers, error_code& ec) {
  ec = {};
  std::size_t bytes = 0;
  for (const asio::const_buffer buffer : beast::buffers_range_ref(buffers)) {
    owner_.append({static_cast<const std::byte*>(buffer.data()), buffer.size()});
    bytes += buffer.size();
  }
  return bytes;
}

template <class Buffers>
std::size_t Wire::write_some(const Buffers& buffers) {
  error_code ec;
  return write_some(buffers, ec);
}

template <class Buffers, class Handler>
void Wire::async_write_some(const Buffers& buffers, Handler&& handler) {
  const std::size_t bytes = write_some(buffers);
  owner_.lower_written(std::make_unique<OperationOf<std::decay_t<Handler>>>(std::forward<Handler>(handler)), bytes);
}

template <class Work>
void WebSocket::post(Work work) {
  ++operations_;
  asio::post(executor_, [this, work = std::move(work)]() mutable {
    --operations_;
    if (closed_) return released();
    work();
  });
}

// --- before the first frame ---

void WebSocket::handshake(Done done) {
  opening_ = std::make_unique<Opening>();
  opening_->done = std::move(done);
  opening_->parser.header_limit(kMaxRequest);
  lower_->handshake([this](bool ok) {
    if (!ok) return opened(false);
    lower_reads_ = true;
    lower_->wait_read();
  });
}

void WebSocket::opened(bool ok) {
  const auto opening = std::move(opening_);
  opening->done(ok);
}

void WebSocket::read_request() {
  const Io io = lower_->read(early_.space(pool_, kMaxRequest).first(kMaxRequest));
  early_.commit(io.bytes);
  if (opening_->answered) early_.release(pool_);
  if (io.state != State::open) return opened(false);
  error_code ec;
  if (!opening_->answered && io.bytes != 0) {
    const std::size_t used = opening_->parser.put(asio::buffer(early_.bytes().data(), early_.size()), ec);
    early_.consume(used);
    if (ec == http::error::need_more) ec = {};
    const bool too_long = ec == http::error::header_limit || (!ec && early_.size() >= kMaxRequest);
    if (too_long) return answer(http_answer(431, "The request is too long."));
    if (ec) return answer(http_answer(400, "This is no HTTP request: " + ec.message() + "."));
    if (opening_->parser.is_header_done()) return judge_request();
  }
  lower_reads_ = true;
  lower_->wait_read();
}

void WebSocket::judge_request() {
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

void WebSocket::answer(const std::string& text) {
  opening_->answered = true;
  early_.release(pool_);
  append(std::as_bytes(std::span(text)));
  shut_ = true;
  if (!flush()) return opened(false);
  lower_reads_ = true;
  lower_->wait_read();  // until its end, lest a reset overtake the answer
}

void WebSocket::accept() {
  websocket::permessage_deflate deflate;
  deflate.server_enable = config_->deflate;
  // Small windows: they live as long as the client.
  deflate.server_max_window_bits = 12;
  deflate.client_max_window_bits = 12;
  deflate.memLevel = 4;
  deflate.compLevel = 3;
  deflate.msg_size_threshold = 128;
  ws_.set_option(deflate);
  ws_.set_option(websocket::stream_base::decorator(
      [](websocket::response_type& response) { response.set(http::field::server, "cellmesh"); }));
  ws_.auto_fragment(false);
  ws_.read_message_max(0);  // counted here, so that the notice comes before the close
  ws_.binary(true);
  ++operations_;
  ws_.async_accept(opening_->parser.get(), [this](const error_code& ec) {
    --operations_;
    if (closed_) return released();
    if (!ec) return opened(true);
    // Beast has said what was wrong.
    opening_->answered = true;
    shut_ = true;
    if (!flush()) return opened(false);
    lower_reads_ = true;
    lower_->wait_read();
  });
}

// --- in ---

Transport::Io WebSocket::read(std::span<std::byte> into) {
  if (!message_ready_) {
    if (state_ == State::malformed || state_ == State::too_large) return {0, std::exchange(state_, State::open)};
    return {0, state_};
  }
  const std::size_t bytes = std::min(into.size(), in_.size());
  std::memcpy(into.data(), in_.bytes().data(), bytes);
  in_.consume(bytes);
  if (in_.empty()) {
    in_.release(pool_);
    message_ready_ = false;
  }
  return {bytes, State::open};
}

void WebSocket::wait_read() {
  wants_read_ = true;
  if (message_ready_ || state_ != State::open) return post_tell_reader();
  if (closing_) return;
  if (over_ || refused_code_ != 0) {
    if (lower_reads_ || !over_) return;
    lower_reads_ = true;
    lower_->wait_read();
    return;
  }
  start_read();
}

void WebSocket::post_tell_reader() {
  post([this] { tell_reader(); });
}

void WebSocket::tell_reader() {
  if (std::exchange(wants_read_, false)) handler_->on_readable();
}

void WebSocket::start_read() {
  if (reading_) return;
  reading_ = true;
  ++operations_;
  const std::span<std::byte> into = in_.empty() ? std::span<std::byte>(first_) : in_.space(pool_, kPart).first(kPart);
  ws_.async_read_some(asio::buffer(into.data(), into.size()), [this](const error_code& ec, std::size_t bytes) {
    --operations_;
    reading_ = false;
    if (closed_) return released();
    on_read(ec, bytes);
  });
}

void WebSocket::on_read(const error_code& ec, std::size_t bytes) {
  if (ec) {
    over_ = true;
    const bool ended = ec == websocket::error::closed || ec == asio::error::eof || ec == asio::error::operation_aborted;
    if (ended && refused_code_ != 0) return tell_reader();
    return end(ended ? State::end : State::malformed);
  }
  if (closing_) return;  // Beast's close drops what still comes
  if (!ws_.got_binary()) return refuse(State::malformed, websocket::close_code::unknown_data);
  const std::size_t limit = std::size_t{max_body_.load(std::memory_order_relaxed)} + kId;
  const std::size_t before = in_.empty() ? 0 : in_.size() - kExtendedLength;
  if (before + bytes > limit) return refuse(State::too_large, websocket::close_code::too_big);
  if (in_.empty()) {
    take_part(std::span(first_).first(bytes));
  } else {
    in_.commit(bytes);
  }
  if (!ws_.is_message_done()) return start_read();
  if (before + bytes < kId) return refuse(State::malformed, websocket::close_code::bad_payload);
  finish_message();
  tell_reader();
}

// The first of a message; room for the longest length goes before it.
void WebSocket::take_part(std::span<const std::byte> part) {
  (void)in_.space(pool_, kExtendedLength + part.size());
  in_.commit(kExtendedLength);
  in_.append(pool_, part);
}

void WebSocket::finish_message() {
  const std::size_t size = in_.size() - kExtendedLength;
  std::byte* begin = in_.front();
  if (size <= kMaxFrameBody + kId) {
    constexpr std::size_t kShorter = kExtendedLength - kLengthBytes;
    in_.consume(kShorter);
    encode_length(begin + kShorter, size);
  } else {
    encode_extended_length(begin, size);
  }
  message_ready_ = true;
}

// The message that comes is not taken: the session says so, then closes with this code.
void WebSocket::refuse(State state, websocket::close_code code) {
  in_.release(pool_);
  refused_code_ = code;
  end(state);
}

void WebSocket::end(State state) {
  state_ = state;
  tell_reader();
}

// What still comes after the end of the protocol, so that no reset overtakes what the peer is told.
void WebSocket::drain() {
  std::array<std::byte, 4096> dropped;
  const Io io = lower_->read(dropped);
  if (io.state != State::open) {
    state_ = State::end;
    return tell_reader();
  }
  lower_reads_ = true;
  lower_->wait_read();
}

void WebSocket::lower_read(std::span<std::byte> into, std::unique_ptr<Operation> operation) {
  assert(!reader_);
  reader_ = std::move(operation);
  reading_into_ = into;
  if (!early_.empty() || into.empty() || closed_) {
    ++operations_;
    asio::post(executor_, [this] {
      --operations_;
      if (!reader_) return released();
      const std::size_t bytes = std::min(reading_into_.size(), early_.size());
      std::memcpy(reading_into_.data(), early_.bytes().data(), bytes);
      early_.consume(bytes);
      if (early_.empty()) early_.release(pool_);
      const auto ready = std::move(reader_);
      ready->complete(closed_ ? asio::error::operation_aborted : error_code(), closed_ ? 0 : bytes);
      released();
    });
    return;
  }
  if (lower_reads_) return;
  lower_reads_ = true;
  lower_->wait_read();
}

void WebSocket::on_readable() {
  lower_reads_ = false;
  if (closed_) return;
  if (opening_ && !reader_) return read_request();
  if (!reader_) {
    if (over_) drain();
    return;
  }
  const Io io = lower_->read(reading_into_);
  if (io.bytes == 0 && io.state == State::open) {
    lower_reads_ = true;
    return lower_->wait_read();
  }
  const auto ready = std::move(reader_);
  ready->complete(io.bytes != 0 ? error_code() : error_code(asio::error::eof), io.bytes);
}

// --- out ---

Transport::Io WebSocket::write(std::span<const std::byte> bytes) {
  if (lower_ended_) return {0, State::end};
  if (!ws_.is_open()) return {bytes.size(), State::open};  // the peer has closed, or was told why we did
  std::size_t taken = 0;
  while (taken < bytes.size() && out_.size() < kOut) {
    const std::size_t size = decode_frame(bytes.subspan(taken), kMaxFrameBody).size;
    error_code ec;
    ws_.write(asio::buffer(bytes.data() + taken + kLengthBytes, size - kLengthBytes), ec);
    taken += size;
  }
  return {taken, flush() ? State::open : State::end};
}

void WebSocket::wait_write() {
  wants_write_ = true;
  if (out_.size() >= kOut && !lower_ended_) return;
  post([this] {
    if (std::exchange(wants_write_, false)) handler_->on_writable();
  });
}

// False when the layer below takes no more.
bool WebSocket::flush() {
  if (lower_writes_ || lower_ended_) return !lower_ended_;
  if (!out_.empty()) {
    const Io io = lower_->write(out_.bytes());
    out_.consume(io.bytes);
    if (io.state != State::open) {
      lower_ended_ = true;
      out_.release(pool_);
      return false;
    }
    if (!out_.empty()) {
      lower_writes_ = true;
      lower_->wait_write();
      return true;
    }
    out_.release(pool_);
  }
  if (std::exchange(shut_, false)) lower_->shutdown_write(0);
  return true;
}

void WebSocket::on_writable() {
  lower_writes_ = false;
  if (closed_) return;
  (void)flush();
  if (out_.size() >= kOut) return;
  if (writer_) {
    const auto ready = std::move(writer_);
    ready->complete({}, written_);
    if (closed_) return;
  }
  if (std::exchange(wants_write_, false)) handler_->on_writable();
}

void WebSocket::lower_written(std::unique_ptr<Operation> operation, std::size_t bytes) {
  assert(!writer_);
  writer_ = std::move(operation);
  written_ = bytes;
  if (!closed_) (void)flush();
  if (out_.size() >= kOut && !closed_) return;
  ++operations_;
  asio::post(executor_, [this] {
    --operations_;
    if (const auto ready = std::move(writer_)) ready->complete({}, written_);
    released();
  });
}

// --- the end ---

void WebSocket::shutdown_write(std::uint16_t code) {
  if (!ws_.is_open()) {
    shut_ = true;
    (void)flush();
    return;
  }
  closing_ = true;
  ++operations_;
  ws_.async_close(websocket::close_reason(refused_code_ != 0 ? refused_code_ : code), [this](const error_code&) {
    --operations_;
    if (closed_) return released();
    closing_ = false;
    over_ = true;
    end(State::end);
  });
}

void WebSocket::close() {
  if (std::exchange(closed_, true)) return;
  lower_->close();
  if (!reader_ && !writer_) return;
  ++operations_;
  asio::post(executor_, [this] {
    --operations_;
    if (const auto aborted = std::move(reader_)) aborted->complete(asio::error::operation_aborted, 0);
    if (const auto aborted = std::move(writer_)) aborted->complete(asio::error::operation_aborted, 0);
    released();
  });
}

void WebSocket::released() {
  if (closed_ && !busy() && !std::exchange(released_, true)) handler_->on_released();
}

}  // namespace

std::unique_ptr<Transport> make_websocket(std::unique_ptr<Transport> lower, asio::io_context& context, BufferPool& pool,
                                          std::shared_ptr<const WebSocketConfig> config,
                                          const std::atomic<std::uint32_t>& max_body) {
  return std::make_unique<WebSocket>(std::move(lower), context, pool, std::move(config), max_body);
}

}  // namespace cm::net
