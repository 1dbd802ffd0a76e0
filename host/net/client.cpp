#include "net/client.hpp"

#include <utility>

#include "net/tcp_transport.hpp"
#include "net/websocket.hpp"

namespace cm::net {

base::Result<std::unique_ptr<Transport>> ClientTransports::over(Fd socket, const Address& to) {
  std::unique_ptr<Transport> transport;
  if (to.is_tls()) {
    if (!tls_) {
      auto opened = TlsClient::open(trust_);
      if (!opened) return opened.error();
      tls_ = std::move(*opened);
    }
    transport = tls_->transport(context_, std::move(socket), to.to.host);
  } else {
    transport = std::make_unique<TcpTransport>(context_, std::move(socket));
  }
  if (to.is_websocket()) {
    transport = make_websocket_client(std::move(transport), context_, pool_, to.to.text(), to.path);
  }
  return transport;
}

}  // namespace cm::net
