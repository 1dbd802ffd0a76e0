#include "net/tls_transport.hpp"

#include <algorithm>
#include <cstring>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <boost/asio/post.hpp>

#include "base/log.hpp"

namespace cm::net::tls {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kRecord = 16U << 10U;
// Of TLS 1.2; those of 1.3 are all good.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

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

}  // namespace

std::string why() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (code == 0) return {};
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

ContextPtr make_context(const SSL_METHOD* method) {
  ContextPtr made(SSL_CTX_new(method), &SSL_CTX_free);
  SSL_CTX* ctx = made.get();
  if (ctx == nullptr) return made;
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(ctx, kCiphers);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  return made;
}

TlsTransport::TlsTransport(asio::io_context& context, Fd socket, SSL_CTX* ctx, std::shared_ptr<const void> keeper)
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
  if (SSL_is_server(ssl_.get())) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
  }
}

void TlsTransport::refused(const std::string& why) {
  base::log(base::Room::net).debug("no TLS with {}: {}", socket_.peer(), why.empty() ? "no reason given" : why);
}

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
      failed_ = true;
      refused(why());
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

}  // namespace cm::net::tls
