#include <utility>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <boost/asio/ip/address.hpp>

#include "net/tls.hpp"
#include "net/tls_transport.hpp"

namespace cm::net {
namespace {

namespace asio = boost::asio;

constexpr const char* kCure = "give the file of the CA that signed it (--ca), or verify nothing (--insecure)";

int take_none(int /*good*/, X509_STORE_CTX* /*certificates*/) { return 0; }

class TlsClientTransport final : public tls::TlsTransport {
 public:
  TlsClientTransport(asio::io_context& context, Fd socket, SSL_CTX* ctx, std::shared_ptr<const void> keeper,
                     std::string name)
      : TlsTransport(context, std::move(socket), ctx, std::move(keeper)), name_(std::move(name)) {
    if (ssl() == nullptr) return;
    // Of fe80::1%eth0 a certificate knows what stands before the scope.
    const std::string address = name_.substr(0, name_.find('%'));
    boost::system::error_code no_address;
    (void)asio::ip::make_address(address, no_address);
    if (no_address) SSL_set_tlsext_host_name(ssl(), name_.c_str());
    const int checked = no_address ? SSL_set1_host(ssl(), name_.c_str())
                                   : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl()), address.c_str());
    if (checked != 1) SSL_set_verify(ssl(), SSL_VERIFY_PEER, &take_none);  // else it would take those of any name
  }

  [[nodiscard]] std::string trouble() const override { return trouble_.empty() ? TlsTransport::trouble() : trouble_; }

 private:
  void refused(const std::string& why) override;

  const std::string name_;
  std::string trouble_;
};

void TlsClientTransport::refused(const std::string& why) {
  const long verified = SSL_get_verify_result(ssl());
  if (verified == X509_V_OK || SSL_get_verify_mode(ssl()) == SSL_VERIFY_NONE) {
    const std::string cause = why.empty() ? TlsTransport::trouble() : why;
    trouble_ = "no TLS: " + (cause.empty() ? "the server closed the connection" : cause) +
               "; see that the address is that of a listener with TLS";
    return;
  }
  const std::string said = X509_verify_cert_error_string(verified);
  switch (verified) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      trouble_ = "the server's certificate is not for " + name_ +
                 "; connect by a name that it is for, or verify nothing (--insecure)";
      return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      trouble_ = "the server's certificate is refused: " + said + "; renew it, and see that the clock here is right";
      return;
    default:
      trouble_ = "the server's certificate is not trusted: " + said + "; " + kCure;
  }
}

}  // namespace

struct TlsClient::Context {
  tls::ContextPtr ctx;
};

base::Result<std::shared_ptr<TlsClient>> TlsClient::open(const TlsTrust& trust) {
  auto made = std::make_shared<Context>(Context{tls::make_context(TLS_client_method())});
  SSL_CTX* ctx = made->ctx.get();
  if (ctx == nullptr) return base::error("no TLS: " + tls::why());
  SSL_CTX_set_verify(ctx, trust.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  ERR_clear_error();
  if (!trust.ca.empty()) {
    if (SSL_CTX_load_verify_file(ctx, trust.ca.c_str()) != 1) {
      return base::error("cannot use the CA file " + trust.ca + ": " + tls::why() +
                         "; it must be a PEM file of certificates that this process may read");
    }
    // One that is no root is trusted, too: it was named.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
  } else if (trust.verify && SSL_CTX_set_default_verify_paths(ctx) != 1) {
    return base::error("the system's root certificates cannot be read: " + tls::why() + "; " + kCure);
  }
  auto client = std::shared_ptr<TlsClient>(new TlsClient);
  client->context_ = std::move(made);
  return client;
}

TlsClient::~TlsClient() = default;

std::unique_ptr<Transport> TlsClient::transport(asio::io_context& context, Fd socket, const std::string& name) const {
  return std::make_unique<TlsClientTransport>(context, std::move(socket), context_->ctx.get(), context_, name);
}

}  // namespace cm::net
