// Private to the files named websocket, which alone know Beast. Beast reads asynchronously, and writes into memory:
// what it writes lies in `out_` at once, as a whole, so that a pong cannot fall between the parts of a message, and all
// messages of a flush are one write.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "net/buffer.hpp"
#include "net/transport.hpp"

namespace cm::net::ws {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

// Read into the object itself until more is there, so that who is idle holds no buffer.
inline constexpr std::size_t kFirst = 256;

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
inline void beast_close_socket(Wire& /*wire*/) {}
template <class Handler>
void async_teardown(beast::role_type /*role*/, Wire& wire, Handler&& handler) {
  asio::post(wire.get_executor(), [handler = std::forward<Handler>(handler)]() mutable { handler(error_code()); });
}

// What both ends of a WebSocket have in common: all but the handshake.
class WebSocket : public Transport, private Transport::Handler {
 public:
  WebSocket(std::unique_ptr<Transport> lower, asio::io_context& context, BufferPool& pool,
            const std::atomic<std::uint32_t>& max_body);
  ~WebSocket() override;

  void attach(Transport::Handler& handler) override { handler_ = &handler; }
  Io read(std::span<std::byte> into) override;
  Io write(std::span<const std::byte> bytes) override;
  [[nodiscard]] bool flushed() const override { return out_.empty() && lower_->flushed(); }
  void wait_read() override;
  void wait_write() override;
  [[nodiscard]] bool heard() override { return std::exchange(heard_, false); }
  bool ping() override;
  void shutdown_write(std::uint16_t code) override;
  void close() override;
  [[nodiscard]] bool busy() const override { return operations_ != 0 || lower_->busy(); }
  [[nodiscard]] std::string trouble() const override { return lower_->trouble(); }
  [[nodiscard]] std::string peer() const override { return lower_->peer(); }
  [[nodiscard]] std::string_view name() const override { return lower_->name() == "tls" ? "wss" : "ws"; }

  // Wire's.
  void lower_read(std::span<std::byte> into, std::unique_ptr<Operation> operation);
  void lower_written(std::unique_ptr<Operation> operation, std::size_t bytes);
  void append(std::span<const std::byte> bytes) { out_.append(pool_, bytes); }

 protected:
  // --- of the handshakes
  [[nodiscard]] Transport& lower() { return *lower_; }
  [[nodiscard]] const Transport& lower() const { return *lower_; }
  [[nodiscard]] websocket::stream<Wire>& ws() { return ws_; }
  // What the layer below has brought and Beast does not ask for: read by on_early().
  void wait_early();
  virtual void on_early() {}
  [[nodiscard]] Io read_early(std::size_t most);
  [[nodiscard]] Buffer& early() { return early_; }
  void drop_early() { early_.release(pool_); }
  // The layer below says that no more comes, after this. False when it takes no more.
  [[nodiscard]] bool flush_and_shut();
  // An operation of Beast's begins; it has ended: false when this is closed, and must be left alone.
  void begin_operation() { ++operations_; }
  [[nodiscard]] bool end_operation();

 private:
  // Of the layer below.
  void on_readable() override;
  void on_writable() override;
  void on_released() override { released(); }

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
  const std::atomic<std::uint32_t>& max_body_;
  const asio::io_context::executor_type executor_;

  websocket::stream<Wire> ws_;
  Transport::Handler* handler_ = nullptr;
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
  bool heard_ = false;         // bytes came since heard()
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

}  // namespace cm::net::ws
