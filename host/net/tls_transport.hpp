// Private to the files named tls, which alone know OpenSSL.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/ssl.h>
#include <boost/asio/io_context.hpp>

#include "net/tcp_transport.hpp"
#include "net/transport.hpp"

namespace cm::net::tls {

// Why the last call of OpenSSL failed: what came first. Empty when it did not say.
std::string why();

using ContextPtr = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;
// What both ends have in common; null when there is no memory.
ContextPtr make_context(const SSL_METHOD* method);

// TLS over a TCP connection, at either end.
class TlsTransport : public Transport, private Transport::Handler {
 public:
  // Shakes hands as a server or a client, as the context's method says; `keeper` is of what the context points to.
  TlsTransport(boost::asio::io_context& context, Fd socket, SSL_CTX* ctx, std::shared_ptr<const void> keeper);

  void attach(Transport::Handler& handler) override { handler_ = &handler; }
  void handshake(Done done) override {
    done_ = std::move(done);
    shake();
  }
  Io read(std::span<std::byte> into) override;
  Io write(std::span<const std::byte> bytes) override;
  [[nodiscard]] bool flushed() const override { return kept_.empty(); }
  void wait_read() override;
  void wait_write() override;
  void shutdown_write(std::uint16_t code) override;
  void close() override {
    closed_ = true;
    socket_.close();
  }
  [[nodiscard]] bool busy() const override { return posted_ != 0 || socket_.busy(); }
  [[nodiscard]] std::string trouble() const override { return socket_.trouble(); }
  [[nodiscard]] std::string peer() const override { return socket_.peer(); }
  [[nodiscard]] std::string_view name() const override { return "tls"; }

 protected:
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  // The handshake came to nothing; `why` of OpenSSL's, or empty.
  virtual void refused(const std::string& why);

 private:
  // Of the socket.
  void on_readable() override;
  void on_writable() override;
  void on_released() override { released(); }

  void shake();
  void shaken(bool ok);
  bool write_kept();
  void say_no_more();
  void want_socket_read();
  void want_socket_write();
  void released() {
    if (closed_ && !busy()) handler_->on_released();
  }

  const std::shared_ptr<const void> keeper_;
  TcpTransport socket_;
  const boost::asio::io_context::executor_type executor_;
  const std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  Transport::Handler* handler_ = nullptr;
  Done done_;  // while the handshake goes on
  // A record that the socket did not take: OpenSSL wants the same bytes again.
  std::vector<std::byte> kept_;
  std::uint32_t posted_ = 0;
  bool failed_ = false;            // nothing more can be read or written
  bool ended_ = false;             // the peer sends no more
  bool more_ = false;              // there may be more to read without the socket
  bool read_wants_write_ = false;  // TLS has something of its own to send before it reads on
  bool shut_ = false;              // to say that no more comes, after kept_
  bool socket_reads_ = false;      // a wait of the socket is pending
  bool socket_writes_ = false;     // likewise
  bool wants_read_ = false;
  bool wants_write_ = false;
  bool closed_ = false;
};

}  // namespace cm::net::tls
