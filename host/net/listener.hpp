#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/result.hpp"
#include "net/fd.hpp"
#include "net/io_worker.hpp"

namespace cm::net {

// A listening TCP socket that hands connections on as bare descriptors, so that any worker can take them. Accepting is
// one worker's. Out of descriptors or memory it pauses, says so, and goes on when there is some again.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  // Binds and listens; nobody is accepted yet. `address` is an IP address; port 0: any free one. [any thread]
  static base::Result<std::shared_ptr<Listener>> open(IoWorker& worker, const std::string& address, std::uint16_t port);

  [[nodiscard]] std::uint16_t port() const { return port_; }

  using OnConnection = std::function<void(Fd)>;
  // See base::set_peer_timeout(); of the connections that come from now on. Before accept(), or [worker].
  void set_peer_timeout(std::chrono::seconds timeout);
  // [worker]
  void accept(OnConnection on_connection);
  // Every 100 ms. [worker]
  void tick();
  // [worker]
  void close();

 private:
  Listener(IoWorker& worker, Fd socket, boost::asio::ip::tcp protocol, std::uint16_t port)
      : worker_(worker),
        socket_(std::move(socket)),
        protocol_(protocol),
        port_(port),
        acceptor_(worker.context().get_executor()) {}

  void wait();
  void take_connections();
  void pause(int error);

  // Constant after construction, but for socket_, which accept() gives to acceptor_.
  IoWorker& worker_;
  Fd socket_;
  const boost::asio::ip::tcp protocol_;
  const std::uint16_t port_;

  // Worker only.
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type> acceptor_;
  OnConnection on_connection_;
  bool waiting_ = false;
  bool paused_ = false;         // until tick()
  bool short_ = false;          // of resources, and that was said
  std::int64_t failed_ms_ = 0;  // when it last was
};

}  // namespace cm::net
