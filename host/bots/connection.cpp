#include "bots/connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include <boost/asio/post.hpp>

#include "net/frame.hpp"

namespace cm::bots {

namespace asio = boost::asio;
using net::Address;

namespace {

std::string cure(int error) {
  if (error == EMFILE || error == ENFILE) return "; raise the limit of open files: ulimit -n";
  if (error == EADDRNOTAVAIL || error == EADDRINUSE) {
    return "; this machine has no port left for that address: widen net.ipv4.ip_local_port_range, or run fewer robots";
  }
  return {};
}

std::string not_there(const std::string& to, int error) {
  return "no connection to " + to + ": " + std::generic_category().message(error) + cure(error);
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
  to_ = engine_.intern(to.text());
  host_ = engine_.intern(to.to.host);
  address_ = endpoint->address();
  net::Fd socket(::socket(endpoint->protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || (::connect(socket.get(), endpoint->data(), static_cast<socklen_t>(endpoint->size())) != 0 &&
                  errno != EINPROGRESS)) {
    return end(not_there(*to_, errno));
  }
  fd_ = socket.get();
  auto transport = engine_.transports().over(std::move(socket), to);
  if (!transport) return end(transport.error().text);
  transport_ = std::move(*transport);
  transport_->attach(*this);
  if (to.scheme == "tcp") {
    waits_to_write_ = true;
    return transport_->wait_write();
  }
  // Later: a quick server's answer may be here at once, and the user does not have this connection yet.
  asio::post(engine_.context(), [self = shared_from_this()] {
    if (self->user_ != nullptr) self->transport_->handshake([raw = self.get()](bool ok) { raw->opened(ok); });
  });
}

// Over TCP alone; where hands are shaken their first write tells.
void Connection::connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return end(not_there(*to_, error));
  opened(true);
}

void Connection::opened(bool ok) {
  if (user_ == nullptr) return;
  if (!ok) return end("no connection to " + *to_ + ": " + ended());
  open_ = true;
  transport_->wait_read();
  user_->on_open();
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
  if (user_ == nullptr) return;
  if (!open_) return connected();
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

void Connection::give_up_address() {
  if (!open_ && host_ != nullptr) engine_.give_up(*host_, address_);
}

void Connection::end(const std::string& why) {
  give_up_address();
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
