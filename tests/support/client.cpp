#include "support/client.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "support/connect.hpp"
#include "support/tunnel.hpp"

namespace cm::test {
namespace {

constexpr std::size_t kHeader = 4;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

std::string describe(const Frame& f) {
  if (f.is<proto::NoticeACK>()) {
    const auto notice = f.as<proto::NoticeACK>();
    return "NoticeACK " + proto::NoticeACK::Code_Name(notice.code()) + " (" + notice.text() + ")";
  }
  return "message " + std::to_string(f.id) + " of " + std::to_string(f.body.size()) + " bytes";
}

bool gone(int error) { return error == EPIPE || error == ECONNRESET; }

}  // namespace

std::uint16_t message_id(std::string_view package_and_name) {
  unsigned hash = 0;
  for (const char c : package_and_name) {
    const unsigned byte = static_cast<unsigned char>(c);
    hash = (hash * 33 + byte * 129) & 0xFFFFU;
  }
  return static_cast<std::uint16_t>(hash);
}

std::string frame(std::uint16_t id, std::string_view body) {
  const auto size = static_cast<std::uint16_t>(body.size() + 2);
  std::string bytes;
  for (const std::uint16_t number : {size, id}) {
    bytes.push_back(static_cast<char>(number & 0xFFU));
    bytes.push_back(static_cast<char>(number >> 8U));
  }
  return bytes.append(body);
}

Client::Client(const std::string& address) {
  const auto scheme = address.find("://");
  if (scheme == std::string::npos || address.starts_with("tcp://")) {
    fd_ = connect_to(scheme == std::string::npos ? address : address.substr(scheme + 3));
    return;
  }
  tunnel_ = std::make_unique<Tunnel>(address);
  fd_ = tunnel_->take_fd();
}
Client::~Client() {
  if (fd_ >= 0) ::close(fd_);
}
Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), tunnel_(std::move(other.tunnel_)), input_(std::move(other.input_)) {}

std::size_t Client::send_some(std::string_view bytes) {
  const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN || gone(errno)) return 0;
  fail("send");
}

bool Client::send_raw(std::string_view bytes) {
  const auto deadline = Clock::now() + patience(kBound);
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (gone(errno)) return false;
    if (errno != EAGAIN) fail("send");
    pollfd writable{fd_, POLLOUT, 0};
    ::poll(&writable, 1, 100);
    if (Clock::now() > deadline) throw std::runtime_error("the other side does not read");
  }
  return true;
}

bool Client::wait_readable(Clock::time_point deadline) const {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
  pollfd readable{fd_, POLLIN, 0};
  return left.count() >= 0 && ::poll(&readable, 1, static_cast<int>(left.count()) + 1) > 0;
}

std::optional<Frame> Client::read(milliseconds bound) {
  const auto deadline = Clock::now() + patience(bound);
  const auto byte = [this](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(input_[i])); };
  std::array<char, 65536> chunk{};
  for (;;) {
    if (input_.size() >= kHeader) {
      const std::size_t size = byte(0) | byte(1) << 8U;
      if (size < 2) throw std::runtime_error("the host sent a frame of length " + std::to_string(size));
      if (input_.size() >= size + 2) {
        Frame f{static_cast<std::uint16_t>(byte(2) | byte(3) << 8U), input_.substr(kHeader, size - 2)};
        input_.erase(0, size + 2);
        return f;
      }
    }
    if (!wait_readable(deadline)) throw std::runtime_error("no message came in time");
    const ssize_t n = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (n > 0) input_.append(chunk.data(), static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && gone(errno))) return std::nullopt;
    if (n < 0 && errno != EAGAIN) fail("recv");
  }
}

Frame Client::expect_frame(std::uint16_t id, const std::string& name, milliseconds bound) {
  const auto deadline = Clock::now() + bound;
  std::string instead;
  for (;;) {
    std::optional<Frame> f;
    try {
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
      f = read(std::max(left, milliseconds(0)));
    } catch (const std::exception& e) {
      throw std::runtime_error("waiting for " + name + ": " + e.what() + "; came instead:" + instead);
    }
    if (!f) throw std::runtime_error("closed by the host while waiting for " + name + "; came instead:" + instead);
    if (f->id == id) return *f;
    if (instead.size() < 1000) instead += " " + describe(*f) + ";";
  }
}

proto::NoticeACK Client::expect_notice(proto::NoticeACK::Code code, milliseconds bound) {
  const auto deadline = Clock::now() + bound;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    const auto frame = expect_frame(id_of<proto::NoticeACK>(), "NoticeACK " + proto::NoticeACK::Code_Name(code),
                                    std::max(left, milliseconds(0)));
    auto notice = frame.as<proto::NoticeACK>();
    if (notice.code() == code) return notice;
  }
}

std::optional<proto::NoticeACK> Client::expect_close(milliseconds bound) {
  const auto deadline = Clock::now() + bound;
  std::optional<proto::NoticeACK> last;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    const auto f = read(std::max(left, milliseconds(0)));
    if (!f) return last;
    if (f->is<proto::NoticeACK>()) last = f->as<proto::NoticeACK>();
  }
}

bool Client::silent(milliseconds time) {
  if (!input_.empty()) return false;
  return !wait_readable(Clock::now() + time);
}

std::string Client::local_address() const {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  std::array<char, NI_MAXHOST> name{};
  std::array<char, NI_MAXSERV> port{};
  if (::getsockname(tunnel_ ? tunnel_->outer_fd() : fd_, reinterpret_cast<sockaddr*>(&own), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, name.data(), name.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    fail("getsockname");
  }
  return std::string(name.data()) + ":" + port.data();
}

void Client::shutdown_write() { ::shutdown(fd_, SHUT_WR); }
bool Client::websocket() const { return tunnel_ && tunnel_->websocket(); }
std::string Client::trouble() const { return tunnel_ ? tunnel_->trouble() : std::string(); }
int Client::close_code() const { return tunnel_ ? tunnel_->close_code() : 0; }
void Client::reset() {
  if (tunnel_) {
    tunnel_->reset();
    ::close(std::exchange(fd_, -1));
    return;
  }
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(fd_, -1));
}

}  // namespace cm::test
