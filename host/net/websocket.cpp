#include "net/websocket_stream.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "net/frame.hpp"

namespace cm::net::ws {
namespace {

constexpr std::size_t kId = 2;  // bytes of a message's id
// Bytes that wait for the layer below; from there on nothing is taken, and no ping answered.
constexpr std::size_t kOut = 64U << 10U;
constexpr std::size_t kPart = 16U << 10U;

}  // namespace

WebSocket::WebSocket(std::unique_ptr<Transport> lower, asio::io_context& context, BufferPool& pool,
                     const std::atomic<std::uint32_t>& max_body)
    : lower_(std::move(lower)),
      pool_(pool),
      max_body_(max_body),
      executor_(context.get_executor()),
      ws_(*this, executor_) {
  lower_->attach(*this);
  ws_.auto_fragment(false);
  ws_.read_message_max(0);  // counted here, so that the notice comes before the close
  ws_.binary(true);
}

WebSocket::~WebSocket() {
  in_.release(pool_);
  out_.release(pool_);
  early_.release(pool_);
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

// --- of the handshakes ---

void WebSocket::wait_early() {
  lower_reads_ = true;
  lower_->wait_read();
}

Transport::Io WebSocket::read_early(std::size_t most) {
  const Io io = lower_->read(early_.space(pool_, most).first(most));
  early_.commit(io.bytes);
  return io;
}

bool WebSocket::flush_and_shut() {
  shut_ = true;
  return flush();
}

bool WebSocket::end_operation() {
  --operations_;
  if (!closed_) return true;
  released();
  return false;
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
    // Beast says all that is wrong to the peer, but for what it cannot inflate. A server's frame, for only that does.
    static const error_code inflating = beast::zlib::error::general;
    if (ec.category() == inflating.category()) {
      static constexpr std::uint16_t kCode = websocket::close_code::bad_payload;
      append(std::array{std::byte{0x88}, std::byte{2}, std::byte{kCode >> 8U}, std::byte{kCode & 0xffU}});
    }
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
  if (!reader_) return over_ ? drain() : on_early();
  const Io io = lower_->read(reading_into_);
  heard_ = heard_ || io.bytes != 0;
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

bool WebSocket::ping() {
  if (!ws_.is_open() || lower_ended_) return false;
  error_code ec;
  ws_.ping({}, ec);
  (void)flush();
  return true;
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

}  // namespace cm::net::ws
