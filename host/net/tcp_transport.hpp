#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/fd.hpp"
#include "net/transport.hpp"

namespace cm::net {

// Client frames as they are, over TCP.
class TcpTransport final : public Transport {
 public:
  // Takes over a connected socket.
  TcpTransport(boost::asio::io_context& context, Fd socket);

  void attach(Handler& handler) override { handler_ = &handler; }
  Io read(std::span<std::byte> into) override;
  Io write(std::span<const std::byte> bytes) override;
  void wait_read() override;
  void wait_write() override;
  void shutdown_write(std::uint16_t code) override;
  void close() override;
  [[nodiscard]] bool busy() const override { return waits_ != 0; }
  [[nodiscard]] std::string trouble() const override;
  [[nodiscard]] std::string peer() const override;
  [[nodiscard]] std::string_view name() const override { return "tcp"; }

 private:
  Io outcome(std::size_t bytes, const boost::system::error_code& ec);
  bool waited();

  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  Socket socket_;
  Handler* handler_ = nullptr;
  int error_ = 0;  // that it broke by
  std::uint8_t waits_ = 0;
  bool closed_ = false;
};

}  // namespace cm::net
