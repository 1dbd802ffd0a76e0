#pragma once

#include <sys/socket.h>
#include <sys/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "base/host_port.hpp"
#include "mesh/mesh.hpp"
#include "mesh/opening.hpp"
#include "mesh/sender.hpp"
#include "mesh/wire.hpp"
#include "support/wait.hpp"

namespace cm::mesh {

// A peer that says what a test wants, true or not. Blocks, for a bounded time.
class RawPeer {
 public:
  explicit RawPeer(const std::string& address) : socket_(context_) {
    const auto at = base::HostPort::parse(address).value();
    socket_.connect({boost::asio::ip::make_address(at.host), at.port});
    bound();
  }
  // Takes one connection of a listener.
  explicit RawPeer(boost::asio::ip::tcp::acceptor& acceptor) : socket_(acceptor.accept(context_)) { bound(); }

  struct Got {
    FrameType type{};
    std::string payload;
  };

  void send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes), ignored_); }
  void send(FrameType type, const std::string& payload) {
    std::string frame(kFrameHead, '\0');
    encode_frame_head(reinterpret_cast<std::byte*>(frame.data()), type, payload.size());
    send(frame + payload);
  }
  void send(FrameType type, const google::protobuf::MessageLite& message) { send(type, message.SerializeAsString()); }
  void define(std::uint32_t ref, const std::string& id) { send(FrameType::define, u32(ref) + id); }
  void envelope(const routing::Envelope& e) {
    std::string frame(kFrameHead + kEnvelopeHead, '\0');
    encode_envelope(reinterpret_cast<std::byte*>(frame.data()), e);
    send(frame.append(reinterpret_cast<const char*>(e.body.data()), e.body.size()));
  }

  // Nothing when the other side closed, or says nothing for long.
  std::optional<Got> read() {
    std::string head(kFrameHead, '\0');
    boost::system::error_code ec;
    boost::asio::read(socket_, boost::asio::buffer(head), ec);
    if (ec) return std::nullopt;
    const auto* at = reinterpret_cast<const std::byte*>(head.data());
    Got got{static_cast<FrameType>(at[4]), std::string(get_u32(at) - 1, '\0')};
    boost::asio::read(socket_, boost::asio::buffer(got.payload), ec);
    if (ec) return std::nullopt;
    if (got.type >= FrameType::envelope) received_ += kFrameHead + got.payload.size();
    return got;
  }
  // Bytes of the other side's stream that were read.
  [[nodiscard]] std::uint64_t received() const { return received_; }
  // The next frame of a type, whatever comes before it.
  std::optional<std::string> read(FrameType type) {
    while (auto got = read()) {
      if (got->type == type) return got->payload;
    }
    return std::nullopt;
  }
  template <class Message>
  std::optional<Message> read_opening(FrameType type) {
    const auto payload = read(type);
    Message message;
    if (!payload || !message.ParseFromString(payload->substr(8))) return std::nullopt;
    return message;
  }
  // Its goodbye, when it closes the link; empty when it closes without one.
  std::string read_goodbye() {
    const auto payload = read(FrameType::goodbye);
    pb::Goodbye goodbye;
    return payload && goodbye.ParseFromString(*payload) ? goodbye.text() : "";
  }

  static pb::Hello hello(const std::string& host, const std::string& boot = new_boot()) {
    pb::Hello hello;
    hello.set_mesh("test");
    hello.set_host(host);
    hello.set_boot(boot);
    hello.set_sequence(1);
    hello.set_next_stream(4711);
    return hello;
  }
  // The refusal that a hello meets.
  std::optional<pb::Refusal> refused(const pb::Hello& said, std::uint16_t major = kMajor) {
    send(opening_frame(FrameType::hello, said, major));
    return read_opening<pb::Refusal>(FrameType::refuse);
  }
  // The whole handshake, with an announcement of one service as ref 1.
  bool link(const pb::Hello& said, const std::string& service) {
    send(opening_frame(FrameType::hello, said));
    if (!read_opening<pb::Welcome>(FrameType::welcome)) return false;
    send(opening_frame(FrameType::go, pb::Go()));
    define(1, service);
    pb::Announce announce;
    announce.add_services()->set_id(service);
    announce.mutable_services(0)->set_frontend(true);
    send(FrameType::announce, announce);
    return true;
  }

  static std::string u32(std::uint32_t value) {
    std::string out(4, '\0');
    put_u32(reinterpret_cast<std::byte*>(out.data()), value);
    return out;
  }
  static std::string u64(std::uint64_t value) {
    std::string out(8, '\0');
    put_u64(reinterpret_cast<std::byte*>(out.data()), value);
    return out;
  }

 private:
  void bound() {
    const timeval limit{60, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }

  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_;
  boost::system::error_code ignored_;
  std::uint64_t received_ = 0;
};

}  // namespace cm::mesh
