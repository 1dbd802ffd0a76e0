#include "bots/connection.hpp"

#include <sys/socket.h>

#include <boost/asio/post.hpp>

#include "net/frame.hpp"

namespace cm::bots {

namespace asio = boost::asio;
using boost::system::error_code;
using net::Address;

namespace {

std::string cure(const error_code& ec) {
  if (ec == asio::error::no_descriptors) return "; raise the limit of open files: ulimit -n";
  if (ec == asio::error::address_in_use || ec.value() == EADDRNOTAVAIL) {
    return "; this machine has no port left for that address: widen net.ipv4.ip_local_port_range, or run fewer robots";
  }
  return {};
}

std::string not_there(const Address& to, const error_code& ec) {
  return "no connection to " + to.text() + ": " + ec.message() + cure(ec);
}

}  // namespace

std::shared_ptr<Connection> Connection::open(Engine& engine, User& user, const Address& to) {
  auto made = std::make_shared<Connection>(engine, user);
  made->connect(to);
  return made;
}

Connection::~Connection() {
  reader_.release(engine_.pool());
  out_.release(engine_.pool());
}

void Connection::connect(const Address& to) {
  const auto endpoint = engine_.resolve(to.to);
  if (!endpoint) return end(endpoint.error().text);
  connecting_ = std::make_unique<Socket>(engine_.context());
  error_code ec;
  connecting_->open(endpoint->protocol(), ec);
  if (!ec) connecting_->non_blocking(true, ec);
  if (ec) return end(not_there(to, ec));
  connecting_->async_connect(*endpoint, [self = shared_from_this(), to](const error_code& failed) {
    if (self->user_ == nullptr) return;
    if (failed) return self->end(not_there(to, failed));
    self->shake_hands(to);
  });
}

void Connection::shake_hands(const Address& to) {
  error_code ec;
  net::Fd socket(connecting_->release(ec));
  connecting_.reset();
  if (ec) return end(not_there(to, ec));
  fd_ = socket.get();
  auto transport = engine_.transports().over(std::move(socket), to);
  if (!transport) return end(transport.error().text);
  transport_ = std::move(*transport);
  transport_->attach(*this);
  transport_->handshake([this, to = to.is_tls() || to.is_websocket() ? to.text() : std::string()](bool ok) {
    if (user_ == nullptr) return;
    if (!ok) return end("no connection to " + to + ": " + ended());
    open_ = true;
    transport_->wait_read();
    user_->on_open();
  });
}

Connection::Sent Connection::send(std::uint16_t id, std::span<const std::byte> body) {
  if (!open_ || user_ == nullptr) return Sent::not_open;
  const std::size_t size = net::kFrameHeader + body.size();
  if (out_.size() + size > kMostUnsent) return Sent::full;
  net::encode_frame(out_.space(engine_.pool(), size).data(), id, body);
  out_.commit(size);
  if (!dirty_ && !waits_to_write_) {
    dirty_ = true;
    engine_.mark_dirty(shared_from_this());
  }
  return Sent::yes;
}

void Connection::flush() {
  dirty_ = false;
  if (user_ == nullptr || out_.empty()) return;
  const auto io = transport_->write(out_.bytes());
  if (io.state != net::Transport::State::open) return end(ended());
  out_.consume(io.bytes);
  if (out_.empty()) return out_.release(engine_.pool());
  waits_to_write_ = true;
  transport_->wait_write();
}

void Connection::on_writable() {
  waits_to_write_ = false;
  flush();
}

void Connection::on_readable() {
  if (user_ == nullptr) return;
  const auto window = reader_.begin(engine_.pool(), engine_.scratch(), net::kMaxFrameBody);
  const auto io = transport_->read(window.space);
  using Reader = net::FrameReader;
  const auto status = reader_.end(engine_.pool(), window, io.bytes, net::kMaxFrameBody,
                                  [this](std::uint16_t id, std::span<const std::byte> body) {
                                    user_->on_frame(id, body);
                                    return user_ != nullptr ? Reader::Taken::yes : Reader::Taken::yes_and_stop;
                                  });
  if (user_ == nullptr) return;
  if (io.state == net::Transport::State::end) return end(ended());
  if (status == Reader::Status::malformed || status == Reader::Status::too_large ||
      io.state != net::Transport::State::open) {
    return end("the server sent what is no frame");
  }
  transport_->wait_read();
}

std::string Connection::ended() const {
  const std::string trouble = transport_->trouble();
  if (trouble.empty()) return "the server closed the connection";
  return open_ ? "the connection broke: " + trouble : trouble;
}

void Connection::end(const std::string& why) {
  asio::post(engine_.context(), [self = shared_from_this(), why] {
    User* user = self->user_;
    if (user == nullptr) return;
    self->close(false);
    user->on_end(why);
  });
}

void Connection::close(bool abort) {
  if (user_ == nullptr) return;
  user_ = nullptr;
  error_code ec;
  if (connecting_) connecting_->close(ec);
  if (!transport_) return;
  if (abort) {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  } else if (open_) {
    // What was written in this turn still goes out.
    constexpr std::uint16_t kDone = 1000;
    if (!out_.empty()) (void)transport_->write(out_.bytes());
    transport_->shutdown_write(kDone);
  }
  open_ = false;
  transport_->close();
  engine_.retire(shared_from_this());
}

}  // namespace cm::bots
