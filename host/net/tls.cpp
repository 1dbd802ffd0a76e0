// The only file that knows OpenSSL, hence its length.
#include "net/tls.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <boost/asio/post.hpp>

#include "base/log.hpp"
#include "net/tcp_transport.hpp"

namespace cm::net {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kRecord = 16U << 10U;
// Of TLS 1.2; those of 1.3 are all good.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

auto& logger() { return base::log(base::Room::net); }

// Why the last call of OpenSSL failed: what came first.
std::string why() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

// --- the bytes below: a BIO over a TcpTransport ---

TcpTransport& socket_of(BIO* bio) { return *static_cast<TcpTransport*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* read) {
  BIO_clear_retry_flags(bio);
  const auto io = socket_of(bio).read({reinterpret_cast<std::byte*>(into), size});
  *read = io.bytes;
  if (io.bytes != 0) return 1;
  if (io.state == Transport::State::open) BIO_set_retry_read(bio);
  return 0;
}

int bio_write(BIO* bio, const char* bytes, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  const auto io = socket_of(bio).write({reinterpret_cast<const std::byte*>(bytes), size});
  *written = io.bytes;
  if (io.bytes != 0) return 1;
  if (io.state == Transport::State::open) BIO_set_retry_write(bio);
  return 0;
}

long bio_ctrl(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* bio_method() {
  static const std::unique_ptr<BIO_METHOD, void (*)(BIO_METHOD*)> method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport");
    BIO_meth_set_read_ex(made, &bio_read);
    BIO_meth_set_write_ex(made, &bio_write);
    BIO_meth_set_ctrl(made, &bio_ctrl);
    return std::unique_ptr<BIO_METHOD, void (*)(BIO_METHOD*)>(made, &BIO_meth_free);
  }();
  return method.get();
}

// --- a connection ---

class TlsTransport final : public Transport, private Transport::Handler {
 public:
  TlsTransport(asio::io_context& context, Fd socket, SSL_CTX* ctx, std::shared_ptr<const void> keeper)
      : keeper_(std::move(keeper)),
        socket_(context, std::move(socket)),
        executor_(context.get_executor()),
        ssl_(SSL_new(ctx), &SSL_free) {
    socket_.attach(*this);
    BIO* bio = ssl_ ? BIO_new(bio_method()) : nullptr;
    if (bio == nullptr) {
      failed_ = true;
      return;
    }
    BIO_set_data(bio, &socket_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_accept_state(ssl_.get());
  }

  void attach(Transport::Handler& handler) override { handler_ = &handler; }
  void handshake(Done done) override {
    done_ = std::move(done);
    shake();
  }
  Io read(std::span<std::byte> into) override;
  Io write(std::span<const std::byte> bytes) override;
  void wait_read() override;
  void wait_write() override;
  void shutdown_write(std::uint16_t code) override;
  void close() override {
    closed_ = true;
    socket_.close();
  }
  [[nodiscard]] bool busy() const override { return posted_ != 0 || socket_.busy(); }
  [[nodiscard]] std::string peer() const override { return socket_.peer(); }
  [[nodiscard]] std::string_view name() const override { return "tls"; }

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

  const std::shared_ptr<const void> keeper_;  // of what the context points to
  TcpTransport socket_;
  const asio::io_context::executor_type executor_;
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

void TlsTransport::shake() {
  if (failed_) return shaken(false);
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return shaken(true);
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return want_socket_read();
    case SSL_ERROR_WANT_WRITE:
      return want_socket_write();
    default:
      logger().debug("no TLS with {}: {}", socket_.peer(), why());
      failed_ = true;
      return shaken(false);
  }
}

void TlsTransport::shaken(bool ok) {
  const Done done = std::exchange(done_, nullptr);
  more_ = ok;  // the first frames may have come with the last of the handshake
  done(ok);
}

Transport::Io TlsTransport::read(std::span<std::byte> into) {
  more_ = false;
  if (failed_ || ended_) return {0, State::end};
  std::size_t total = 0;
  while (total < into.size()) {
    ERR_clear_error();
    std::size_t bytes = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &bytes);
    if (result == 1) {
      total += bytes;
      continue;
    }
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return {total, State::open};
      case SSL_ERROR_WANT_WRITE:
        read_wants_write_ = true;
        return {total, State::open};
      case SSL_ERROR_ZERO_RETURN:
        ended_ = true;
        break;
      default:
        failed_ = true;
        break;
    }
    return {total, total != 0 ? State::open : State::end};
  }
  more_ = true;
  return {total, State::open};
}

Transport::Io TlsTransport::write(std::span<const std::byte> bytes) {
  if (failed_) return {0, State::end};
  if (!kept_.empty()) return {};
  std::size_t total = 0;
  while (total < bytes.size()) {
    const auto record = bytes.subspan(total, std::min(kRecord, bytes.size() - total));
    ERR_clear_error();
    std::size_t written = 0;
    const int result = SSL_write_ex(ssl_.get(), record.data(), record.size(), &written);
    if (result == 1) {
      total += written;
      continue;
    }
    if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_WRITE) {
      failed_ = true;
      return {0, State::end};
    }
    // Taken: whoever gave it may change its mind about what it did not give yet.
    kept_.assign(record.begin(), record.end());
    want_socket_write();
    return {total + record.size(), State::open};
  }
  return {total, State::open};
}

// False when the socket does not take it yet, or no more.
bool TlsTransport::write_kept() {
  if (kept_.empty()) return true;
  ERR_clear_error();
  std::size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), kept_.data(), kept_.size(), &written);
  if (result != 1 && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_WRITE) {
    want_socket_write();
    return false;
  }
  failed_ = failed_ || result != 1;
  kept_ = {};
  return true;
}

void TlsTransport::wait_read() {
  wants_read_ = true;
  if (more_ || ended_ || failed_) {
    ++posted_;
    asio::post(executor_, [this] {
      --posted_;
      if (closed_) return released();
      if (std::exchange(wants_read_, false)) handler_->on_readable();
    });
    return;
  }
  if (read_wants_write_) {
    want_socket_write();
  } else {
    want_socket_read();
  }
}

void TlsTransport::wait_write() {
  wants_write_ = true;
  want_socket_write();
}

void TlsTransport::want_socket_read() {
  if (std::exchange(socket_reads_, true)) return;
  socket_.wait_read();
}

void TlsTransport::want_socket_write() {
  if (std::exchange(socket_writes_, true)) return;
  socket_.wait_write();
}

void TlsTransport::on_readable() {
  socket_reads_ = false;
  if (closed_) return;
  if (done_) return shake();
  if (std::exchange(wants_read_, false)) handler_->on_readable();
}

void TlsTransport::on_writable() {
  socket_writes_ = false;
  if (closed_) return;
  if (done_) return shake();
  if (!write_kept()) return;
  if (shut_) say_no_more();
  if (std::exchange(read_wants_write_, false) && std::exchange(wants_read_, false)) handler_->on_readable();
  if (!closed_ && std::exchange(wants_write_, false)) handler_->on_writable();
}

void TlsTransport::shutdown_write(std::uint16_t /*code*/) {
  shut_ = true;
  if (kept_.empty()) say_no_more();
}

void TlsTransport::say_no_more() {
  shut_ = false;
  if (!failed_) (void)SSL_shutdown(ssl_.get());  // its close_notify; where that finds no room, the end of TCP has to do
  socket_.shutdown_write(0);
}

}  // namespace

// --- the server ---

struct TlsServer::Context {
  explicit Context(SSL_CTX* made) : ctx(made, &SSL_CTX_free) {}
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> ctx;
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
  auto made = std::make_shared<Context>(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ctx = made->ctx.get();
  if (ctx == nullptr) return base::error("no TLS: " + why());
  made->protocol = config.protocol;
  SSL_CTX_set_min_proto_version(ctx, config.min_version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(ctx, kCiphers);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(ctx, 1);
  // Tickets, whose keys die with this context, keep nothing here.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(ctx, 1);
  SSL_CTX_set_alpn_select_cb(ctx, &choose_protocol, &made->protocol);
  SSL_CTX_set_default_passwd_cb(ctx, &no_password);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(ctx, config.certificate.c_str()) != 1) {
    return base::error("cannot use the certificate " + config.certificate + ": " + why() +
                       "; it must be a PEM file that this process may read");
  }
  if (SSL_CTX_use_PrivateKey_file(ctx, config.private_key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return base::error("cannot use the private key " + config.private_key + ": " + why() +
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
  if (!context) return context.error();
  const std::lock_guard lock(mutex_);
  config_ = std::move(config);
  context_ = std::move(*context);
  seen_ = now;
  loaded_ = std::move(now);
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
  return std::make_unique<TlsTransport>(context, std::move(socket), now->ctx.get(), now);
}

}  // namespace cm::net
