#pragma once

#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>

#include "base/result.hpp"
#include "net/address.hpp"
#include "net/buffer.hpp"
#include "net/fd.hpp"
#include "net/tls.hpp"
#include "net/transport.hpp"

namespace cm::net {

// Makes the client's end of each transport. What TLS trusts is read when the first address needs it. Outlives its
// transports; on their worker.
class ClientTransports {
 public:
  ClientTransports(boost::asio::io_context& context, BufferPool& pool, TlsTrust trust)
      : context_(context), pool_(pool), trust_(std::move(trust)) {}
  ClientTransports(const ClientTransports&) = delete;
  ClientTransports& operator=(const ClientTransports&) = delete;

  // Over a socket that is connected to `to`, or about to be; its handshake() comes next, which waits for that, but over
  // TCP.
  base::Result<std::unique_ptr<Transport>> over(Fd socket, const Address& to);

 private:
  boost::asio::io_context& context_;
  BufferPool& pool_;
  const TlsTrust trust_;
  std::shared_ptr<TlsClient> tls_;
};

}  // namespace cm::net
