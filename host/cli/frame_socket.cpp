#include "cli/frame_socket.hpp"

#include <netdb.h>
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

constexpr const char* kNoFrames = "what answers there does not speak the client protocol";

base::Error failed(int error) { return base::error(std::generic_category().message(error)); }

}  // namespace

// What a closed connection waits for comes within a turn or two.
FrameSocket::~FrameSocket() {
  close();
  for (int i = 0; i < 1'000 && !closed_.empty(); ++i) turn();
}

base::Status FrameSocket::connect(const net::Address& address) {
  close();
  reached_ = false;
  to_ = address;
  const base::HostPort& to = to_.to;
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
  if (transport_) {
    constexpr std::uint16_t kDone = 1000;
    if (open_) transport_->shutdown_write(kDone);
    transport_->close();
    closed_.push_back(std::move(transport_));
  } else if (fd_ >= 0) {
    ::close(fd_);
  }
  fd_ = -1;
  open_ = false;
  ++generation_;
  addresses_.clear();
  out_.clear();
  in_.clear();
}

bool FrameSocket::move_on() { return !reached_ && !addresses_.empty() && try_next().has_value(); }

void FrameSocket::send(std::uint16_t id, std::string_view body) {
  const std::size_t at = out_.size();
  out_.resize(at + net::kFrameHeader + body.size());
  net::encode_frame(reinterpret_cast<std::byte*>(out_.data() + at), id, std::as_bytes(std::span(body)));
}

pollfd FrameSocket::interest() const {
  const bool write = !transport_ || !transport_->flushed() || (open_ && !out_.empty());
  return {fd_, static_cast<short>(POLLIN | (write ? POLLOUT : 0)), 0};
}

base::Status FrameSocket::on_ready(short events, const OnFrame& on_frame) {
  if (fd_ < 0) return {};
  on_frame_ = &on_frame;
  trouble_.reset();
  if (!transport_) {
    if (events == 0) return {};
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      if (!addresses_.empty()) return try_next();
      close();
      return failed(error);
    }
    reached_ = true;
    if (auto status = shake_hands(); status.has_error()) return status;
  }
  const unsigned generation = generation_;
  // Reading first: what the other side said before it closed matters more than that it takes nothing any more.
  turn();
  if (!trouble_ && open_ && generation == generation_) {
    flush();
    turn();
  }
  if (generation != generation_ || !trouble_) return {};
  close();
  return *trouble_;
}

base::Status FrameSocket::shake_hands() {
  const int fd = std::exchange(fd_, -1);
  auto made = transports_.over(net::Fd(fd), to_);
  if (!made) {
    close();
    return made.error();
  }
  fd_ = fd;
  transport_ = std::move(*made);
  transport_->attach(*this);
  transport_->handshake([this](bool ok) {
    if (!ok) return fail("the other side closed the connection");
    open_ = true;
    transport_->wait_read();
  });
  return {};
}

// Runs what is ready.
void FrameSocket::turn() {
  context_.restart();
  (void)context_.poll();
  std::erase_if(closed_, [](const auto& transport) { return !transport->busy(); });
}

void FrameSocket::fail(const std::string& otherwise) {
  const std::string trouble = transport_->trouble();
  trouble_ = base::error(trouble.empty() ? otherwise : trouble);
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

void FrameSocket::flush() {
  if (out_.empty()) return;
  const auto io = transport_->write(std::as_bytes(std::span(out_)));
  if (io.state != net::Transport::State::open) return fail("the other side takes no more");
  out_.erase(0, io.bytes);
}

void FrameSocket::on_readable() {
  std::array<char, 65536> chunk;  // NOLINT: filled by read
  const auto io = transport_->read(std::as_writable_bytes(std::span(chunk)));
  in_.append(chunk.data(), io.bytes);
  const unsigned generation = generation_;
  const auto status = hand_out();
  if (generation != generation_) return;
  if (status.has_error()) {
    trouble_ = status.error();
  } else if (io.state == net::Transport::State::end) {
    fail("the other side closed the connection");
  } else if (io.state != net::Transport::State::open) {
    trouble_ = base::error(kNoFrames);
  } else {
    transport_->wait_read();
  }
}

base::Status FrameSocket::hand_out() {
  // The bytes are this call's own, so that a close() from on_frame does no harm.
  std::string bytes = std::move(in_);
  in_.clear();
  const unsigned generation = generation_;
  std::size_t done = 0;
  while (true) {
    const auto frame = net::decode_frame(std::as_bytes(std::span(bytes).subspan(done)), net::kMaxFrameBody);
    if (frame.status == net::Decoded::Status::incomplete) break;
    if (frame.status != net::Decoded::Status::complete) return base::error(kNoFrames);
    done += frame.size;
    (*on_frame_)(frame.id, {reinterpret_cast<const char*>(frame.body.data()), frame.body.size()});
    if (generation != generation_) return {};
  }
  in_ = bytes.substr(done);
  return {};
}

}  // namespace cm::cli
