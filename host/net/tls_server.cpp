#include <sys/stat.h>

#include <utility>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/log.hpp"
#include "net/tls.hpp"
#include "net/tls_transport.hpp"

namespace cm::net {
namespace {

namespace asio = boost::asio;

auto logger() { return base::log(base::Room::net); }

}  // namespace

struct TlsServer::Context {
  explicit Context(tls::ContextPtr made) : ctx(std::move(made)) {}
  tls::ContextPtr ctx;
  std::string protocol;
};

namespace {

// Who asks for protocols, and not for ours, meant somebody else: it is not talked to.
int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                    unsigned int in_size, void* ours) {
  const auto& protocol = *static_cast<const std::string*>(ours);
  for (unsigned int at = 0; at + 1 < in_size;) {
    const unsigned int size = in[at];
    if (at + 1 + size > in_size) break;
    if (protocol == std::string_view(reinterpret_cast<const char*>(in + at + 1), size)) {
      *out = in + at + 1;
      *out_size = static_cast<unsigned char>(size);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + size;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Nobody is there who could be asked for a password.
int no_password(char* /*into*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

bool expired(SSL_CTX* ctx) {
  const X509* certificate = SSL_CTX_get0_certificate(ctx);
  return certificate != nullptr && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

}  // namespace

base::Result<std::shared_ptr<TlsServer::Context>> TlsServer::load(const TlsConfig& config) {
  if (config.certificate.empty() || config.private_key.empty()) {
    return base::error("TLS needs a certificate and its private key; give the paths of both PEM files");
  }
  auto made = std::make_shared<Context>(tls::make_context(TLS_server_method()));
  SSL_CTX* ctx = made->ctx.get();
  if (ctx == nullptr) return base::error("no TLS: " + tls::why());
  made->protocol = config.protocol;
  if (config.min_version == 13) SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
  // Tickets, whose keys die with this context, keep nothing here.
  SSL_CTX_set_num_tickets(ctx, 1);
  SSL_CTX_set_alpn_select_cb(ctx, &choose_protocol, &made->protocol);
  SSL_CTX_set_default_passwd_cb(ctx, &no_password);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(ctx, config.certificate.c_str()) != 1) {
    return base::error("cannot use the certificate " + config.certificate + ": " + tls::why() +
                       "; it must be a PEM file that this process may read");
  }
  if (SSL_CTX_use_PrivateKey_file(ctx, config.private_key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return base::error("cannot use the private key " + config.private_key + ": " + tls::why() +
                       "; it must be the PEM file of the certificate's key, without a password");
  }
  if (SSL_CTX_check_private_key(ctx) != 1) {
    return base::error("the private key " + config.private_key + " is not that of the certificate " +
                       config.certificate);
  }
  if (expired(ctx)) {
    logger().warn("the certificate has expired, clients will refuse it; renew it certificate={}",
                  base::log_value(config.certificate));
  }
  return made;
}

TlsServer::Stamp TlsServer::stamp(const TlsConfig& config) {
  Stamp stamp;
  for (const std::string& path : {config.certificate, config.private_key}) {
    struct stat file {};
    if (::stat(path.c_str(), &file) != 0) {
      stamp.text += "none;";
      continue;
    }
    stamp.text += std::to_string(file.st_ino) + "," + std::to_string(file.st_size) + "," +
                  std::to_string(file.st_mtim.tv_sec) + "." + std::to_string(file.st_mtim.tv_nsec) + ";";
  }
  return stamp;
}

base::Result<std::shared_ptr<TlsServer>> TlsServer::open(TlsConfig config) {
  auto server = std::shared_ptr<TlsServer>(new TlsServer);
  if (auto status = server->change(std::move(config)); !status) return status.error();
  return server;
}

TlsServer::~TlsServer() = default;

base::Status TlsServer::change(TlsConfig config) {
  {
    const std::lock_guard lock(mutex_);
    if (context_ && config == config_) return {};
  }
  Stamp now = stamp(config);  // before: what changes while it is read is read again
  auto context = load(config);
  const std::lock_guard lock(mutex_);
  config_ = std::move(config);
  seen_ = now;
  loaded_ = std::move(now);
  if (!context) return context.error();
  context_ = std::move(*context);
  return {};
}

void TlsServer::refresh() {
  TlsConfig config;
  Stamp now;
  {
    const std::lock_guard lock(mutex_);
    config = config_;
    now = stamp(config);
    if (now == loaded_) return;
    if (now != seen_) {  // it may be half written, or the key still be missing
      seen_ = now;
      return;
    }
  }
  auto context = load(config);
  const std::lock_guard lock(mutex_);
  loaded_ = now;
  if (!(config == config_)) return;
  if (!context) {
    logger().warn("the changed certificate is refused, the old one stays: {}", context.error().text);
    return;
  }
  context_ = std::move(*context);
  logger().info("the certificate was read again certificate={}", base::log_value(config.certificate));
}

std::unique_ptr<Transport> TlsServer::transport(asio::io_context& context, Fd socket) const {
  std::shared_ptr<Context> now;
  {
    const std::lock_guard lock(mutex_);
    now = context_;
  }
  return std::make_unique<tls::TlsTransport>(context, std::move(socket), now->ctx.get(), now);
}

}  // namespace cm::net
