#include "mesh/connection.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

namespace cm::mesh {
namespace {

using boost::system::error_code;

bool try_again(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Connection::Connection(Owner& owner, Socket socket) : owner_(&owner), socket_(std::move(socket)) {
  error_code ec;  // a socket that refuses is broken, which the first read tells
  socket_.non_blocking(true, ec);
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ec);
}

void Connection::wait_read() {
  waits_read_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code&) {
    self->waits_read_ = false;
    if (self->owner_ != nullptr && self->reading_) self->on_readable();
  });
}

void Connection::wait_write() {
  waits_write_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code&) {
    self->waits_write_ = false;
    if (self->owner_ != nullptr) self->owner_->on_writable();
  });
}

void Connection::on_readable() {
  const auto space = owner_->read_space();
  const ssize_t got = ::recv(socket_.native_handle(), space.data(), space.size(), MSG_DONTWAIT);
  if (got > 0) {
    bytes_in_ += static_cast<std::uint64_t>(got);
    reading_ = owner_->on_bytes(static_cast<std::size_t>(got));
  } else if (got == 0 || !try_again(errno)) {
    const std::string why =
        got == 0 ? "closed by the peer" : error_code(errno, boost::system::system_category()).message();
    Owner* owner = owner_;
    close();
    owner->on_broken(why);
    return;
  }
  if (owner_ != nullptr && reading_) wait_read();
}

void Connection::resume_reading() {
  if (std::exchange(reading_, true) || waits_read_ || owner_ == nullptr) return;
  wait_read();
}

void Connection::send(OutStream& stream) {
  if (waits_write_ || owner_ == nullptr) return;
  std::array<iovec, 64> parts;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = stream.gather(parts);
  if (message.msg_iovlen == 0) return;
  const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) {
    stream.on_sent(static_cast<std::size_t>(sent));
    bytes_out_ += static_cast<std::uint64_t>(sent);
  }
  if (sent >= 0 ? stream.unsent() > 0 : try_again(errno)) {
    wait_write();
  } else if (sent < 0 && !reading_) {
    broken_later(errno);
  }
}

// Who sends does not expect its connection to be gone when send() returns.
void Connection::broken_later(int error) {
  boost::asio::post(socket_.get_executor(), [self = shared_from_this(), error] {
    Owner* owner = self->owner_;
    if (owner == nullptr) return;
    self->close();
    owner->on_broken(error_code(error, boost::system::system_category()).message());
  });
}

void Connection::close() {
  owner_ = nullptr;
  error_code ec;
  socket_.close(ec);
}

}  // namespace cm::mesh
