#include "net/listener.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/error_code.hpp>

#include "base/host_port.hpp"
#include "base/log.hpp"
#include "base/peer_timeout.hpp"

namespace cm::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

// Connections taken in one turn, so that a storm of them does not hold the clients back.
constexpr int kPerTurn = 64;
constexpr std::int64_t kSteadyMs = 2'000;  // without a failure

std::string text_of(int error) { return error_code(error, boost::system::system_category()).message(); }

bool out_of_resources(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

}  // namespace

base::Result<std::shared_ptr<Listener>> Listener::open(IoWorker& worker, const std::string& address,
                                                       std::uint16_t port) {
  error_code ec;
  const auto ip = boost::asio::ip::make_address(address, ec);
  if (ec) {
    return base::error("cannot listen on \"" + address +
                       "\": it is not an IP address; use one of this machine's, or 0.0.0.0 or :: for all");
  }
  tcp::endpoint endpoint(ip, port);
  const auto failed = [&](const char* what) {
    const int error = errno;
    std::string text = "cannot listen on " + base::HostPort{address, port}.text() + ": " + what + ": " + text_of(error);
    if (error == EADDRINUSE) text += "; choose another port, or 0 for any free one";
    if (error == EADDRNOTAVAIL) text += "; use an address of this machine, or 0.0.0.0 or :: for all";
    if (error == EACCES) text += "; ports below 1024 need a privilege, choose a higher one";
    return base::error(std::move(text));
  };

  Fd socket(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return failed("socket");
  const int on = 1;
  const int off = 0;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) return failed("SO_REUSEADDR");
  if (ip.is_v6() && ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0) {
    return failed("IPV6_V6ONLY");
  }
  if (::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) return failed("bind");
  if (::listen(socket.get(), SOMAXCONN) != 0) return failed("listen");
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(socket.get(), endpoint.data(), &size) != 0) return failed("getsockname");
  return std::shared_ptr<Listener>(new Listener(worker, std::move(socket), endpoint.protocol(), endpoint.port()));
}

void Listener::set_peer_timeout(std::chrono::seconds timeout) {
  const int descriptor = socket_ ? socket_.get() : acceptor_.native_handle();
  if (descriptor >= 0) base::set_peer_timeout(descriptor, timeout);
}

void Listener::accept(OnConnection on_connection) {
  if (!socket_) return;
  error_code ec;
  acceptor_.assign(protocol_, socket_.get(), ec);
  if (ec) {
    base::log(base::Room::net).error("cannot accept port={} reason={}", port_, base::log_value(ec.message()));
    return;
  }
  (void)socket_.release();
  on_connection_ = std::move(on_connection);
  wait();
}

void Listener::wait() {
  waiting_ = true;
  acceptor_.async_wait(tcp::acceptor::wait_read, [self = shared_from_this()](const error_code&) {
    self->waiting_ = false;
    if (self->acceptor_.is_open()) self->take_connections();
  });
}

void Listener::take_connections() {
  for (int i = 0; i < kPerTurn; ++i) {
    const int fd = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      paused_ = false;
      if (short_ && worker_.now_ms() - failed_ms_ > kSteadyMs) {
        short_ = false;
        base::log(base::Room::net).info("accepting again port={}", port_);
      }
      on_connection_(Fd(fd));
      if (!acceptor_.is_open()) return;
      continue;
    }
    const int error = errno;
    if (out_of_resources(error)) return pause(error);
    if (error == EAGAIN || error == EWOULDBLOCK) break;
    // What else accept says is about the one connection, which is gone.
  }
  wait();
}

// The connection waits in the kernel, and tick() tries again: trying at once would only spin.
void Listener::pause(int error) {
  paused_ = true;
  failed_ms_ = worker_.now_ms();
  if (std::exchange(short_, true)) return;
  base::log(base::Room::net)
      .warn(
          "not accepting until resources are free; raise the limit of open files (ulimit -n) if this lasts "
          "port={} reason={}",
          port_, base::log_value(text_of(error)));
}

void Listener::tick() {
  if (paused_ && !waiting_ && acceptor_.is_open()) take_connections();
}

void Listener::close() {
  socket_.reset();
  error_code ec;
  acceptor_.close(ec);
}

}  // namespace cm::net
