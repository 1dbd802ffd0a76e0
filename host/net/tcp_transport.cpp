#include "net/tcp_transport.hpp"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include "base/host_port.hpp"

namespace cm::net {

namespace asio = boost::asio;
using boost::system::error_code;

TcpTransport::TcpTransport(asio::io_context& context, Fd socket) : socket_(context.get_executor()) {
  sockaddr_storage local{};
  socklen_t size = sizeof(local);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &size);
  error_code ec;
  socket_.assign(local.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), socket.get(), ec);
  if (ec) return;  // every read and write says `end`
  (void)socket.release();
  socket_.non_blocking(true, ec);
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
}

Transport::Io TcpTransport::outcome(std::size_t bytes, const error_code& ec) {
  if (!ec) return {bytes, State::open};
  if (ec == asio::error::would_block || ec == asio::error::try_again || ec == asio::error::interrupted) return {};
  if (ec != asio::error::eof) error_ = ec.value();
  return {0, State::end};
}

Transport::Io TcpTransport::read(std::span<std::byte> into) {
  error_code ec;
  const std::size_t bytes = socket_.read_some(asio::buffer(into.data(), into.size()), ec);
  return outcome(bytes, ec);
}

Transport::Io TcpTransport::write(std::span<const std::byte> bytes) {
  error_code ec;
  const std::size_t written = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
  return outcome(written, ec);
}

// The error code of a wait is not looked at: a failed wait is told by the read or write that follows.
void TcpTransport::wait_read() {
  ++waits_;
  socket_.async_wait(Socket::wait_read, [this](const error_code&) {
    if (waited()) handler_->on_readable();
  });
}

void TcpTransport::wait_write() {
  ++waits_;
  socket_.async_wait(Socket::wait_write, [this](const error_code&) {
    if (waited()) handler_->on_writable();
  });
}

bool TcpTransport::waited() {
  --waits_;
  if (!closed_) return true;
  if (waits_ == 0) handler_->on_released();
  return false;
}

void TcpTransport::shutdown_write(std::uint16_t /*code*/) {
  error_code ec;
  socket_.shutdown(Socket::shutdown_send, ec);
}

void TcpTransport::close() {
  closed_ = true;
  error_code ec;
  socket_.close(ec);
}

std::string TcpTransport::trouble() const {
  return error_ == 0 ? std::string() : error_code(error_, asio::error::get_system_category()).message();
}

std::string TcpTransport::peer() const {
  error_code ec;
  const auto endpoint = socket_.remote_endpoint(ec);
  return ec ? std::string() : base::HostPort{endpoint.address().to_string(), endpoint.port()}.text();
}

}  // namespace cm::net
