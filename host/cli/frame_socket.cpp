#include "cli/frame_socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <system_error>

#include "net/frame.hpp"

namespace cm::cli {
namespace {

constexpr std::size_t kReadsATurn = 16;

base::Error failed(int error) { return base::error(std::generic_category().message(error)); }

}  // namespace

base::Status FrameSocket::connect(const base::HostPort& to) {
  close();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found);
  if (rc != 0) return base::error(rc == EAI_SYSTEM ? std::generic_category().message(errno) : ::gai_strerror(rc));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    const char* bytes = reinterpret_cast<const char*>(a->ai_addr);
    addresses_.insert(addresses_.begin(), {a->ai_family, std::vector<char>(bytes, bytes + a->ai_addrlen)});
  }
  return try_next();
}

void FrameSocket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  connected_ = false;
  ++generation_;
  addresses_.clear();
  out_.clear();
  in_.clear();
}

void FrameSocket::send(std::uint16_t id, std::string_view body) {
  const std::size_t at = out_.size();
  out_.resize(at + net::kFrameHeader + body.size());
  net::encode_frame(reinterpret_cast<std::byte*>(out_.data() + at), id, std::as_bytes(std::span(body)));
}

pollfd FrameSocket::interest() const {
  const bool write = !connected_ || !out_.empty();
  return {fd_, static_cast<short>(POLLIN | (write ? POLLOUT : 0)), 0};
}

base::Status FrameSocket::on_ready(short events, const OnFrame& on_frame) {
  if (fd_ < 0) return {};
  base::Status status;
  if (!connected_) {
    if (events == 0) return {};
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      if (!addresses_.empty()) return try_next();
      close();
      return failed(error);
    }
    connected_ = true;
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  // Reading first: what the other side said before it closed matters more than that it takes nothing any more.
  const unsigned generation = generation_;
  if ((events & ~POLLOUT) != 0) status = read(on_frame);
  if (status.has_value() && fd_ >= 0 && generation == generation_) status = flush();
  if (status.has_error() && generation == generation_) close();
  return status;
}

base::Status FrameSocket::try_next() {
  while (true) {
    const Address address = addresses_.back();
    addresses_.pop_back();
    if (fd_ >= 0) ::close(fd_);
    fd_ = ::socket(address.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const auto* to = reinterpret_cast<const sockaddr*>(address.bytes.data());
    if (fd_ >= 0 && (::connect(fd_, to, static_cast<socklen_t>(address.bytes.size())) == 0 || errno == EINPROGRESS))
      return {};
    if (!addresses_.empty()) continue;
    const int error = errno;
    close();
    return failed(error);
  }
}

base::Status FrameSocket::flush() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t n = ::send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return failed(errno);
    if (n < 0) break;
    sent += static_cast<std::size_t>(n);
  }
  out_.erase(0, sent);
  return {};
}

base::Status FrameSocket::read(const OnFrame& on_frame) {
  std::array<char, 65536> chunk;  // NOLINT: filled by recv
  const unsigned generation = generation_;
  for (std::size_t i = 0; i < kReadsATurn; ++i) {
    const ssize_t n = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return {};
    if (n < 0) return failed(errno);
    if (n == 0) return base::error("the other side closed the connection");
    in_.append(chunk.data(), static_cast<std::size_t>(n));
    if (auto status = hand_out(on_frame); status.has_error() || generation != generation_) return status;
  }
  return {};
}

base::Status FrameSocket::hand_out(const OnFrame& on_frame) {
  // The bytes are this call's own, so that a close() from on_frame does no harm.
  std::string bytes = std::move(in_);
  in_.clear();
  const unsigned generation = generation_;
  std::size_t done = 0;
  while (true) {
    const auto frame = net::decode_frame(std::as_bytes(std::span(bytes).subspan(done)), net::kMaxFrameBody);
    if (frame.status == net::Decoded::Status::incomplete) break;
    if (frame.status != net::Decoded::Status::complete)
      return base::error("what answers there does not speak the client protocol");
    done += frame.size;
    on_frame(frame.id, {reinterpret_cast<const char*>(frame.body.data()), frame.body.size()});
    if (generation != generation_) return {};
  }
  in_ = bytes.substr(done);
  return {};
}

}  // namespace cm::cli
