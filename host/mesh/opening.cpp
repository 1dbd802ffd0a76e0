#include "mesh/opening.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/host_port.hpp"

namespace cm::mesh {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kPreamble = 8;  // magic, major, minor
constexpr std::size_t kReadStep = 16U << 10U;
constexpr auto kToken = asio::as_tuple(asio::use_awaitable_t<Executor>{});

}  // namespace

Opening::Opening(asio::io_context& context, net::Fd socket) : Opening(context) {
  sockaddr_storage local{};
  socklen_t size = sizeof(local);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &size);
  error_code ec;
  socket_.assign(local.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), socket.get(), ec);
  if (!ec) (void)socket.release();  // else every read and write fails
}

void Opening::limit(std::chrono::milliseconds time) {
  limit_ = time;
  timer_.expires_after(time);
  timer_.async_wait([weak = weak_from_this()](const error_code& ec) {
    const auto self = weak.lock();
    if (ec || !self) return;
    self->expired_ = true;
    self->abandon();
  });
}

void Opening::abandon() {
  abandoned_ = true;
  timer_.cancel();
  error_code ec;
  socket_.close(ec);
}

base::Error Opening::failed(const std::string& what, const error_code& ec) const {
  if (expired_) return base::error(what + ": no answer within " + std::to_string(limit_.count()) + " ms");
  if (ec == asio::error::eof) return base::error(what + ": closed by the other side");
  return base::error(what + ": " + ec.message());
}

Task<base::Status> Opening::connect(std::string address) {
  const auto parsed = base::HostPort::parse(address);
  if (!parsed) co_return parsed.error();
  error_code ec;
  const auto ip = asio::ip::make_address(parsed->host, ec);
  if (ec) co_return base::error("cannot dial " + address + ": a link address is an IP address and a port");
  const asio::ip::tcp::endpoint endpoint(ip, parsed->port);
  const auto [result] = co_await socket_.async_connect(endpoint, kToken);
  if (result) co_return failed("cannot connect to " + address, result);
  co_return base::Status{};
}

Task<base::Result<OpeningFrame>> Opening::read() {
  std::array<std::byte, kFrameHead + kPreamble> head{};
  {
    const auto buffer = asio::buffer(head);
    const auto [ec, size] = co_await asio::async_read(socket_, buffer, kToken);
    if (ec) co_return failed("handshake", ec);
  }
  const std::size_t payload = std::size_t{get_u32(head.data())} - 1;
  if (payload < kPreamble || payload > kMaxOpening || get_u32(head.data() + kFrameHead) != kMagic) {
    co_return base::error("handshake: what came is not of a cellmesh link");
  }
  OpeningFrame frame{static_cast<FrameType>(head[4]),
                     get_u16(head.data() + kFrameHead + 4),
                     get_u16(head.data() + kFrameHead + 6),
                     {}};
  // Grows with what comes: who only says that much will come takes no memory.
  while (frame.body.size() < payload - kPreamble) {
    const std::size_t have = frame.body.size();
    frame.body.resize(std::min(payload - kPreamble, have + kReadStep));
    const auto buffer = asio::buffer(frame.body.data() + have, frame.body.size() - have);
    const auto [ec, size] = co_await asio::async_read(socket_, buffer, kToken);
    if (ec) co_return failed("handshake", ec);
  }
  co_return frame;
}

Task<base::Status> Opening::write(std::string frame) {
  const auto buffer = asio::buffer(frame);
  const auto [ec, size] = co_await asio::async_write(socket_, buffer, kToken);
  if (ec) co_return failed("handshake", ec);
  co_return base::Status{};
}

Socket Opening::take_socket() {
  timer_.cancel();
  return std::move(socket_);
}

net::Fd Opening::take_fd() {
  timer_.cancel();
  error_code ec;
  return net::Fd(socket_.release(ec));
}

std::string Opening::peer() const {
  error_code ec;
  const auto endpoint = socket_.remote_endpoint(ec);
  return ec ? std::string() : base::HostPort{endpoint.address().to_string(), endpoint.port()}.text();
}

std::string opening_frame(FrameType type, const google::protobuf::MessageLite& message, std::uint16_t major) {
  const std::string body = message.SerializeAsString();
  std::string frame(kFrameHead + kPreamble, '\0');
  auto* at = reinterpret_cast<std::byte*>(frame.data());
  encode_frame_head(at, type, kPreamble + body.size());
  put_u32(at + kFrameHead, kMagic);
  put_u16(at + kFrameHead + 4, major);
  put_u16(at + kFrameHead + 6, kMinor);
  return frame + body;
}

pb::Refusal refusal(pb::Refusal::Reason reason, std::string text) {
  pb::Refusal message;
  message.set_reason(reason);
  message.set_text(std::move(text));
  return message;
}

}  // namespace cm::mesh
