#include "support/tunnel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "support/connect.hpp"
#include "support/wait.hpp"

namespace cm::test {
namespace {

constexpr std::size_t kWindow = 64U << 10U;  // bytes that wait on a way, at most about
constexpr milliseconds kHandshake{20'000};
constexpr milliseconds kLeave{1000};  // for what the client said last

SSL_CTX* client_context() {
  static SSL_CTX* const ctx = SSL_CTX_new(TLS_client_method());
  return ctx;
}

std::size_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::size_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8U | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

std::string masked_frame(unsigned opcode, std::string_view payload) {
  std::string frame(1, static_cast<char>(0x80U | opcode));
  const auto put = [&](std::size_t number, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) frame.push_back(static_cast<char>(number >> (8 * i) & 0xFFU));
  };
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(0x80U | payload.size()));
  } else if (payload.size() < 65'536) {
    frame.push_back(static_cast<char>(0x80U | 126U));
    put(payload.size(), 2);
  } else {
    frame.push_back(static_cast<char>(0x80U | 127U));
    put(payload.size(), 8);
  }
  constexpr std::string_view kMask = "\x12\x34\x56\x78";
  frame += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
  return frame;
}

}  // namespace

// The socket to the host, with or without TLS; without blocking.
class Tunnel::Link {
 public:
  Link(int fd, bool tls) : fd_(fd), ssl_(tls ? SSL_new(client_context()) : nullptr, &SSL_free) {
    if (!ssl_) return;
    SSL_set_fd(ssl_.get(), fd);
    SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_connect_state(ssl_.get());
  }

  // Bytes; 0: none now; -1: the end.
  int read(char* into, std::size_t size) {
    if (!ssl_) return outcome(::recv(fd_, into, size, 0));
    ERR_clear_error();
    return outcome_of_tls(SSL_read(ssl_.get(), into, static_cast<int>(size)));
  }
  int write(std::string_view bytes) {
    if (!ssl_) return outcome(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), true);
    ERR_clear_error();
    return outcome_of_tls(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())));
  }
  // Of whole messages that are here already.
  [[nodiscard]] bool pending() const { return ssl_ && SSL_pending(ssl_.get()) > 0; }
  // What the last read or write that came to an end said.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  void shutdown_write() {
    if (ssl_) SSL_shutdown(ssl_.get());
    ::shutdown(fd_, SHUT_WR);
  }

  // Blocking, for the handshake.
  void write_all(std::string_view bytes, Clock::time_point deadline) {
    while (!bytes.empty()) {
      const int n = write(bytes);
      if (n < 0) throw std::runtime_error("the host closed in the handshake");
      bytes.remove_prefix(static_cast<std::size_t>(n));
      if (n == 0) wait(deadline);
    }
  }
  void wait(Clock::time_point deadline) const {
    if (Clock::now() > deadline) throw std::runtime_error("no handshake in time");
    pollfd ready{fd_, static_cast<short>(POLLIN | (ssl_ && SSL_want_write(ssl_.get()) ? POLLOUT : 0)), 0};
    ::poll(&ready, 1, 100);
  }

 private:
  int outcome(ssize_t n, bool writing = false) {
    if (n > 0) return static_cast<int>(n);
    if (n < 0 && errno != EAGAIN) trouble_ = std::strerror(errno);
    return n < 0 && errno == EAGAIN ? 0 : writing && n == 0 ? 0 : -1;
  }
  int outcome_of_tls(int n) {
    if (n > 0) return n;
    const int code = errno;
    const int error = SSL_get_error(ssl_.get(), n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
    if (error == SSL_ERROR_ZERO_RETURN) return -1;
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    trouble_ = "TLS: error " + std::to_string(error) + ", " + (reason != nullptr ? reason : std::strerror(code));
    return -1;
  }

  const int fd_;
  const std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  std::string trouble_;
};

namespace {

// Upgrades, and returns what came behind the answer.
template <class Link>
std::string upgrade(Link& link, const std::string& authority, Clock::time_point deadline) {
  link.write_all("GET / HTTP/1.1\r\nHost: " + authority +
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                 deadline);
  std::string answer;
  std::array<char, 4096> part{};
  while (answer.find("\r\n\r\n") == std::string::npos) {
    const int n = link.read(part.data(), part.size());
    if (n < 0) throw std::runtime_error("the host closed in the handshake: " + answer);
    answer.append(part.data(), static_cast<std::size_t>(n));
    if (n == 0) link.wait(deadline);
  }
  if (!answer.starts_with("HTTP/1.1 101 ")) throw std::runtime_error("no WebSocket: " + answer);
  if (answer.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == std::string::npos) {
    throw std::runtime_error("the wrong Sec-WebSocket-Accept: " + answer);
  }
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

// The host's WebSocket frames as bytes of the framing of TCP. False at its close frame.
bool translate_in(std::string& raw, std::string& message, std::string& out, std::string& answers, int& code) {
  while (raw.size() >= 2) {
    const auto first = static_cast<unsigned char>(raw[0]);
    const auto second = static_cast<unsigned char>(raw[1]);
    const std::size_t extended = (second & 0x7FU) == 126 ? 2 : (second & 0x7FU) == 127 ? 8 : 0;
    if ((second & 0x80U) != 0 || (first & 0x70U) != 0) throw std::runtime_error("the host sent a bad frame");
    if (raw.size() < 2 + extended) return true;
    const std::size_t size = extended == 0 ? second & 0x7FU : number_at(raw, 2, extended);
    if (raw.size() < 2 + extended + size) return true;
    const std::string payload = raw.substr(2 + extended, size);
    raw.erase(0, 2 + extended + size);
    switch (first & 0x0FU) {
      case 8:
        code = size >= 2 ? static_cast<int>(number_at(payload, 0, 2)) : 1005;
        answers += masked_frame(8, payload.substr(0, 2));
        return false;
      case 9:
        answers += masked_frame(10, payload);
        break;
      case 10:
        break;
      default:
        message += payload;
        if ((first & 0x80U) == 0) break;
        out.push_back(static_cast<char>(message.size() & 0xFFU));
        out.push_back(static_cast<char>(message.size() >> 8U));
        out += message;
        message.clear();
    }
  }
  return true;
}

// Frames of TCP as WebSocket messages. A length that leaves no room for an id is as short a message.
void translate_out(std::string& raw, std::string& out) {
  while (raw.size() >= 2) {
    const std::size_t size =
        static_cast<unsigned char>(raw[0]) | static_cast<std::size_t>(static_cast<unsigned char>(raw[1])) << 8U;
    if (raw.size() < 2 + size) return;
    out += masked_frame(2, std::string_view(raw).substr(2, size));
    raw.erase(0, 2 + size);
  }
}

}  // namespace

Tunnel::Tunnel(const std::string& url) : url_(url) {
  const auto scheme = url.substr(0, url.find("://"));
  std::string authority = url.substr(scheme.size() + 3);
  if (authority.ends_with('/')) authority.pop_back();
  outer_ = connect_to(authority);
  link_ = std::make_unique<Link>(outer_, scheme == "tls" || scheme == "wss");
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    throw std::runtime_error("socketpair");
  }
  near_ = pair[0];
  far_ = pair[1];
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { run(); });
}

Tunnel::~Tunnel() {
  leaving_ = true;
  const std::uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) < 0) std::abort();
  if (thread_.joinable()) thread_.join();
  for (const int fd : {near_, far_, outer_, wake_}) {
    if (fd >= 0) ::close(fd);
  }
}

int Tunnel::take_fd() { return std::exchange(near_, -1); }

std::string Tunnel::trouble() {
  if (thread_.joinable()) thread_.join();
  return trouble_;
}

void Tunnel::reset() {
  stop_ = true;
  const std::uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) < 0) std::abort();
  thread_.join();
  const linger now{1, 0};
  ::setsockopt(outer_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(outer_, -1));
}

void Tunnel::run() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);  // OpenSSL writes without MSG_NOSIGNAL

  const bool websocket = this->websocket();
  std::string from_client;
  std::string to_host;
  std::string from_host;
  std::string to_client;
  std::string message;
  std::optional<Clock::time_point> leave_by;
  bool client_ended = false;
  bool host_ended = false;
  std::array<char, 16 << 10> part{};
  try {
    if (websocket) {
      const std::string url = url_;
      const std::size_t begin = url.find("://") + 3;
      from_host = upgrade(*link_, url.substr(begin, url.size() - begin - 1), Clock::now() + patience(kHandshake));
    }
    while (!stop_) {
      bool moved = false;
      if (!client_ended && to_host.size() < kWindow) {
        const ssize_t n = ::recv(far_, part.data(), part.size(), 0);
        moved = moved || n > 0;
        if (n > 0) (websocket ? from_client : to_host).append(part.data(), static_cast<std::size_t>(n));
        if (websocket) translate_out(from_client, to_host);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
          client_ended = true;
          if (websocket) {
            to_host += masked_frame(8, "\x03\xe8");
          } else if (to_host.empty()) {
            link_->shutdown_write();
          }
          moved = true;
        }
      }
      if (!to_host.empty() && !host_ended) {
        const int n = link_->write(to_host);
        if (n > 0) {
          to_host.erase(0, static_cast<std::size_t>(n));
          moved = true;
          if (client_ended && to_host.empty() && !websocket) link_->shutdown_write();
        } else if (n < 0) {
          to_host.clear();
        }
      }
      if (!host_ended && to_client.size() < kWindow) {
        const int n = link_->read(part.data(), part.size());
        moved = moved || n > 0;
        if (n > 0) (websocket ? from_host : to_client).append(part.data(), static_cast<std::size_t>(n));
        int code = 0;
        if (websocket && !translate_in(from_host, message, to_client, to_host, code)) {
          close_code_ = code;
          (void)link_->write(to_host);
          host_ended = true;
        }
        if (n < 0) host_ended = true;
      }
      if (!to_client.empty()) {
        const ssize_t n = ::send(far_, to_client.data(), to_client.size(), MSG_NOSIGNAL);
        if (n > 0) {
          to_client.erase(0, static_cast<std::size_t>(n));
          moved = true;
        } else if (errno != EAGAIN) {
          break;
        }
      }
      if (host_ended && to_client.empty()) break;
      if (leaving_ && ((client_ended && to_host.empty()) || Clock::now() > leave_by.value_or(Clock::now()))) break;
      if (leaving_ && !leave_by) leave_by = Clock::now() + kLeave;
      if (moved) continue;
      std::array<pollfd, 3> ready{{{far_, 0, 0}, {outer_, 0, 0}, {wake_, POLLIN, 0}}};
      if (!client_ended && to_host.size() < kWindow) ready[0].events |= POLLIN;
      if (!to_client.empty()) ready[0].events |= POLLOUT;
      if (!host_ended && to_client.size() < kWindow) ready[1].events |= POLLIN;
      if (!to_host.empty()) ready[1].events |= POLLOUT;
      for (auto& one : ready) {
        if (one.events == 0) one.fd = -1;
      }
      ::poll(ready.data(), ready.size(), 100);
    }
    if (close_code_ == 0) trouble_ = link_->trouble();
  } catch (const std::exception& e) {
    trouble_ = e.what();  // the client sees the end
  }
  if (!stop_) ::shutdown(outer_, SHUT_RDWR);
  ::shutdown(far_, SHUT_RDWR);
}

}  // namespace cm::test
