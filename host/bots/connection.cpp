#include "bots/connection.hpp"

#include <sys/socket.h>

#include <boost/asio/post.hpp>

#include "net/frame.hpp"

namespace cm::bots {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::ip::tcp::socket;

namespace {

bool later(const error_code& ec) {
  return ec == asio::error::would_block || ec == asio::error::try_again || ec == asio::error::interrupted;
}

std::string cure(const error_code& ec) {
  if (ec == asio::error::no_descriptors) return "; raise the limit of open files: ulimit -n";
  if (ec == asio::error::address_in_use || ec.value() == EADDRNOTAVAIL) {
    return "; this machine has no port left for that address: widen net.ipv4.ip_local_port_range, or run fewer robots";
  }
  return {};
}

}  // namespace

std::shared_ptr<Connection> Connection::open(Engine& engine, User& user, const Address& to) {
  auto made = std::make_shared<Connection>(engine, user);
  made->connect(to);
  return made;
}

Connection::Connection(Engine& engine, User& user) : engine_(engine), user_(&user), socket_(engine.context()) {}

Connection::~Connection() {
  reader_.release(engine_.pool());
  out_.release(engine_.pool());
}

void Connection::connect(const Address& to) {
  const auto endpoint = engine_.resolve(to.to);
  if (!endpoint) return end(endpoint.error().text);
  error_code ec;
  socket_.open(endpoint->protocol(), ec);
  if (!ec) socket_.non_blocking(true, ec);
  if (!ec) socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  if (ec) return end("no connection to " + to.text() + ": " + ec.message() + cure(ec));
  socket_.async_connect(*endpoint, [self = shared_from_this(), to = to.text()](const error_code& failed) {
    if (self->user_ == nullptr) return;
    if (failed) return self->end("no connection to " + to + ": " + failed.message() + cure(failed));
    self->open_ = true;
    self->wait_read();
    self->user_->on_open();
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
  error_code ec;
  const auto bytes = out_.bytes();
  const std::size_t sent = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
  if (ec && !later(ec)) return end("the connection broke: " + ec.message());
  out_.consume(ec ? 0 : sent);
  if (out_.empty()) return out_.release(engine_.pool());
  wait_write();
}

void Connection::wait_write() {
  waits_to_write_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code&) {
    self->waits_to_write_ = false;
    self->flush();
  });
}

void Connection::wait_read() {
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code&) {
    if (self->user_ != nullptr) self->on_readable();
  });
}

void Connection::on_readable() {
  const auto window = reader_.begin(engine_.pool(), engine_.scratch(), net::kMaxFrameBody);
  error_code ec;
  const std::size_t size = socket_.read_some(asio::buffer(window.space.data(), window.space.size()), ec);
  if (ec && !later(ec)) {
    return end(ec == asio::error::eof ? "the server closed the connection" : "the connection broke: " + ec.message());
  }
  using Reader = net::FrameReader;
  const auto status = reader_.end(engine_.pool(), window, ec ? 0 : size, net::kMaxFrameBody,
                                  [this](std::uint16_t id, std::span<const std::byte> body) {
                                    user_->on_frame(id, body);
                                    return user_ != nullptr ? Reader::Taken::yes : Reader::Taken::yes_and_stop;
                                  });
  if (user_ == nullptr) return;
  if (status == Reader::Status::malformed || status == Reader::Status::too_large) {
    return end("the server sent what is no frame");
  }
  wait_read();
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
  user_ = nullptr;
  open_ = false;
  error_code ec;
  if (abort) socket_.set_option(asio::socket_base::linger(true, 0), ec);
  // What was written in this turn still goes out.
  if (!abort && !out_.empty()) {
    const auto bytes = out_.bytes();
    (void)socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
  }
  socket_.close(ec);
}

}  // namespace cm::bots
