#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "net/frame_reader.hpp"
#include "net/websocket.hpp"

namespace cm::fuzz::ws {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "websocket: %s\n", what);
  std::abort();
}

// What a peer does besides what it sends, from a few bytes; in a circle.
class Choices {
 public:
  explicit Choices(std::span<const std::byte> bytes) : bytes_(bytes) {}
  unsigned next() { return bytes_.empty() ? 0U : std::to_integer<unsigned>(bytes_[at_++ % bytes_.size()]); }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

// The layer below: a peer that sends its bytes in pieces, reads a little when it is waited for, and hangs up at last.
class Peer final : public net::Transport {
 public:
  struct Sent {
    std::vector<std::byte> bytes;
    bool half_closed = false;
  };
  Peer(boost::asio::io_context& context, std::span<const std::byte> input, Choices choices, bool in_pieces, Sent& sent)
      : context_(context), input_(input), choices_(choices), in_pieces_(in_pieces), sent_(sent) {}

  void attach(Handler& handler) override { handler_ = &handler; }
  Io read(std::span<std::byte> into) override {
    if (input_.empty()) return {0, State::end};
    const std::size_t wanted = in_pieces_ ? std::size_t{1} << (choices_.next() % 14U) : into.size();
    const std::size_t size = std::min({wanted, into.size(), input_.size()});
    std::copy_n(input_.begin(), size, into.begin());
    input_ = input_.subspan(size);
    return {size, State::open};
  }
  Io write(std::span<const std::byte> bytes) override {
    require(!sent_.half_closed, "it writes behind its end");
    const std::size_t size = in_pieces_ ? std::min(bytes.size(), room_) : bytes.size();
    room_ -= std::min(room_, size);
    sent_.bytes.insert(sent_.bytes.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    return {size, State::open};
  }
  void wait_read() override {
    require(!reads_, "it waits twice to read");
    reads_ = true;
    answer(reads_, &Handler::on_readable);
  }
  void wait_write() override {
    require(!writes_, "it waits twice to write");
    writes_ = true;
    room_ = 1 + choices_.next() * 16U;
    answer(writes_, &Handler::on_writable);
  }
  void shutdown_write(std::uint16_t /*code*/) override { sent_.half_closed = true; }
  void close() override { closed_ = true; }
  [[nodiscard]] bool busy() const override { return pending_ != 0; }
  [[nodiscard]] std::string peer() const override { return "203.0.113.7:50123"; }
  [[nodiscard]] std::string_view name() const override { return "tcp"; }

 private:
  void answer(bool& wait, void (Handler::*call)()) {
    ++pending_;
    boost::asio::post(context_, [this, &wait, call] {
      --pending_;
      wait = false;
      if (!closed_) return (handler_->*call)();
      if (pending_ == 0) handler_->on_released();
    });
  }

  boost::asio::io_context& context_;
  std::span<const std::byte> input_;
  Choices choices_;
  const bool in_pieces_;
  Sent& sent_;
  Handler* handler_ = nullptr;
  std::size_t room_ = 0;
  int pending_ = 0;
  bool reads_ = false;
  bool writes_ = false;
  bool closed_ = false;
};

struct Seen {
  std::vector<std::vector<std::byte>> frames;
  net::Transport::State end = net::Transport::State::open;
  bool client = false;  // the handshake made it one
  bool done = false;    // closed, and nothing pending
  bool closed = false;  // by a close frame of the server
  Peer::Sent sent;
};

// Uses the transport as a session does: takes every frame, sends each back, and closes for what is wrong.
class User final : private net::Transport::Handler {
 public:
  User(std::unique_ptr<net::Transport> transport, net::BufferPool& pool, std::size_t max_body, Seen& seen)
      : transport_(std::move(transport)), pool_(pool), max_body_(max_body), seen_(seen) {
    transport_->attach(*this);
    transport_->handshake([this](bool ok) {
      seen_.client = ok;
      if (!ok) return finish();
      transport_->wait_read();
    });
  }
  User(const User&) = delete;
  User& operator=(const User&) = delete;
  ~User() {
    reader_.release(pool_);
    require(seen_.done, "it is not done when nothing is left to do");
  }

 private:
  using Reader = net::FrameReader;

  void on_readable() override {
    require(!closed_, "it reads when it is closed");
    const auto window = reader_.begin(pool_, scratch_, max_body_);
    const auto io = transport_->read(window.space);
    if (!closing_ && io.bytes != 0) {
      const auto status = reader_.end(pool_, window, io.bytes, max_body_, [this](std::uint16_t id, auto body) {
        require(body.size() <= max_body_, "a message over the limit came");
        std::vector<std::byte> message(2 + body.size());
        message[0] = static_cast<std::byte>(id & 0xffU);
        message[1] = static_cast<std::byte>(id >> 8U);
        std::copy(body.begin(), body.end(), message.begin() + 2);
        if (body.size() <= net::kMaxFrameBody) {
          std::vector<std::byte> frame(net::kFrameHeader + body.size());
          net::encode_frame(frame.data(), id, body);
          out_.insert(out_.end(), frame.begin(), frame.end());
        }
        seen_.frames.push_back(std::move(message));
        return Reader::Taken::yes;
      });
      require(status == Reader::Status::more, "what came is no stream of frames");
      write();
    }
    if (closing_) return io.state == net::Transport::State::open ? transport_->wait_read() : finish();
    seen_.end = io.state;
    switch (io.state) {
      case net::Transport::State::open:
        return transport_->wait_read();
      case net::Transport::State::end:
        return finish();
      default:
        closing_ = true;
        write();
        transport_->shutdown_write(io.state == net::Transport::State::too_large ? 1009 : 1007);
        transport_->wait_read();
    }
  }
  void on_writable() override {
    writing_ = false;
    write();
  }
  void on_released() override {
    require(closed_ && !seen_.done && !transport_->busy(), "it says twice, or too early, that it is done");
    seen_.done = true;
  }

  void write() {
    if (writing_ || out_.empty()) return;
    const auto io = transport_->write(out_);
    require(io.bytes <= out_.size(), "it takes more than it was given");
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(io.bytes));
    if (out_.empty() || io.state != net::Transport::State::open) return;
    writing_ = true;
    transport_->wait_write();
  }
  void finish() {
    closed_ = true;
    transport_->close();
    if (!transport_->busy()) seen_.done = true;
  }

  const std::unique_ptr<net::Transport> transport_;
  net::BufferPool& pool_;
  const std::size_t max_body_;
  Seen& seen_;
  Reader reader_;
  std::vector<std::byte> scratch_ = std::vector<std::byte>(Reader::kCopy + Reader::kRead);
  std::vector<std::byte> out_;
  bool writing_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

// What the server sent behind its answer is whole frames of a server, pongs of a size, and nothing behind its close.
inline void check_sent(Seen& seen) {
  if (!seen.client) return;
  const auto* data = reinterpret_cast<const char*>(seen.sent.bytes.data());
  const std::string_view text(data, seen.sent.bytes.size());
  constexpr std::string_view kAccepted = "HTTP/1.1 101 ";
  require(text.substr(0, kAccepted.size()) == kAccepted.substr(0, text.size()), "a client got no upgrade");
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string_view::npos) return;  // cut by the end
  std::size_t at = head + 4;
  bool& closed = seen.closed;
  const auto byte = [&](std::size_t n) { return static_cast<unsigned>(static_cast<unsigned char>(text[n])); };
  while (at + 2 <= text.size()) {
    require(!closed, "something comes behind the close frame");
    const unsigned opcode = byte(at) & 0x0fU;
    std::size_t size = byte(at + 1);
    require(size < 128, "a server's frame is masked");
    require((byte(at) & 0x80U) != 0, "a server's frame is a fragment");
    require(opcode == 2 || opcode == 8 || opcode == 10, "a server's frame is of no kind that it sends");
    require(opcode == 2 || size <= 125, "a control frame is too long");
    closed = opcode == 8;
    at += 2;
    for (int more = size == 126 ? 2 : size == 127 ? 8 : 0; more != 0;) {
      if (at + static_cast<std::size_t>(more) > text.size()) return;  // likewise
      size = 0;
      for (; more != 0; --more) size = (size << 8U) | byte(at++);
    }
    at += std::min(size, text.size() - at);
  }
}

struct Host final : net::WebSocketHost {
  [[nodiscard]] std::string unhealthy() const override { return {}; }
  void origin_refused(std::string_view, std::string_view, std::string_view) override {}
  void no_subprotocol(std::string_view, std::string_view) override {}
};

inline Seen serve(std::span<const std::byte> stream, Choices choices, bool in_pieces, bool deflate,
                  std::uint32_t max_body) {
  boost::asio::io_context context(1);
  net::BufferPool pool;
  const std::atomic<std::uint32_t> limit{max_body};
  auto config = std::make_shared<net::WebSocketConfig>();
  config->origins = "*";
  config->deflate = deflate;
  config->subprotocols = *net::Subprotocols::parse("binary, chat.v1");
  Host host;
  Seen seen;
  {
    User user(net::make_websocket(std::make_unique<Peer>(context, stream, choices, in_pieces, seen.sent), context, pool,
                                  std::move(config), host, limit),
              pool, max_body, seen);
    context.run();
  }
  check_sent(seen);
  return seen;
}

// Aborts when the transport breaks a rule. The first bytes choose what the peer does, the rest is what it sends: of
// all, or behind a request for an upgrade that is good.
inline void check(std::span<const std::byte> input) {
  constexpr std::size_t kHead = 10;
  if (input.size() < kHead) return;
  constexpr std::array<std::uint32_t, 4> kLimits{net::kMaxFrameBody, 0, 100, net::kMaxExtendedBody};
  const auto flags = std::to_integer<unsigned>(input[0]);
  const std::uint32_t max_body = kLimits[flags % kLimits.size()];
  const bool deflate = (flags & 4U) != 0;
  std::string stream;
  if ((flags & 8U) == 0) {
    stream =
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    if (deflate) stream += "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    stream += "\r\n";
  }
  stream.append(reinterpret_cast<const char*>(input.data()) + kHead, input.size() - kHead);
  const auto bytes = std::as_bytes(std::span(stream));
  const Choices choices(input.subspan(1, kHead - 1));
  const Seen whole = serve(bytes, choices, false, deflate, max_body);
  const Seen pieces = serve(bytes, choices, true, deflate, max_body);
  require(whole.client == pieces.client, "pieces are another handshake than the whole");
  require(whole.frames == pieces.frames, "pieces hold other messages than the whole");
  // What is wrong with a message is seen sooner or later, or never for the end of the stream; it is said in any case.
  require(!whole.client || whole.end == net::Transport::State::end || whole.closed, "it closes and does not say why");
}

}  // namespace cm::fuzz::ws
