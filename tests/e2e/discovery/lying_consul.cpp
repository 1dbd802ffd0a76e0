#include "e2e/discovery/lying_consul.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace cm::discovery {
namespace {

// Reads until there is a whole request; empty when the peer is gone.
std::string read_request(int fd, std::string& buffer) {
  std::array<char, 16384> chunk{};
  for (;;) {
    const auto end = buffer.find("\r\n\r\n");
    if (end != std::string::npos) {
      const auto length_at = buffer.find("Content-Length: ");
      const std::size_t body = length_at < end ? std::stoul(buffer.substr(length_at + 16)) : 0;
      if (buffer.size() >= end + 4 + body) {
        std::string request = buffer.substr(0, end);
        buffer.erase(0, end + 4 + body);
        return request;
      }
    }
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n <= 0) return {};
    buffer.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

LyingConsul::Request parse(const std::string& text) {
  LyingConsul::Request request;
  request.method = text.substr(0, text.find(' '));
  const auto start = request.method.size() + 1;
  const std::string target = text.substr(start, text.find(' ', start) - start);
  request.path = target.substr(0, target.find('?'));
  if (const auto at = target.find("index="); at != std::string::npos)
    request.index = std::stoull(target.substr(at + 6));
  return request;
}

bool send_all(int fd, const std::string& text) {
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t n = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

LyingConsul::LyingConsul(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no loopback port to listen on");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

LyingConsul::~LyingConsul() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const Connection& c : connections_) ::shutdown(c.fd, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (Connection& c : connections_) {
    c.thread.join();
    ::close(c.fd);
  }
  ::close(listener_);
}

std::string LyingConsul::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

void LyingConsul::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    if (closing_) {
      ::close(fd);
      return;
    }
    connections_.push_back({fd, std::thread([this, fd] { serve(fd); })});
  }
}

void LyingConsul::serve(int fd) {
  std::string buffer;
  for (;;) {
    const std::string text = read_request(fd, buffer);
    if (text.empty()) return;
    const Reply reply = handler_(parse(text));
    if (reply.status == kStall) continue;  // the client sends no more until it gives up
    if (reply.status == kHangUp) break;
    std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\n";
    if (!reply.index.empty()) head += "X-Consul-Index: " + reply.index + "\r\n";
    head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n";
    if (!send_all(fd, head + reply.body)) break;
  }
  ::shutdown(fd, SHUT_RDWR);
}

std::optional<LyingConsul::Reply> LyingConsul::probe_reply(const Request& request) {
  if (request.path == "/v1/kv/cellmesh/") return request.index > 0 ? Reply{kStall} : Reply{200, "[]", "1"};
  if (request.path.starts_with("/v1/kv/cellmesh/services/")) return Reply{200, "true"};
  if (request.path == "/v1/internal/acl/authorize") return Reply{401, "ACL support disabled"};
  if (request.path != "/v1/kv/cellmesh/incarnation") return std::nullopt;
  return Reply{200, R"([{"Key":"cellmesh/incarnation","Value":"YWJj","ModifyIndex":1}])"};
}

}  // namespace cm::discovery
