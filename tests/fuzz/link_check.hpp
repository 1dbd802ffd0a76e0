// Plays a peer of a real host, over real sockets: what it says is what the fuzzer wants, in frames that are mostly
// right, so that it gets past the handshake and deep into the protocol.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/host_port.hpp"
#include "base/log.hpp"
#include "mesh/mesh.hpp"
#include "mesh/opening.hpp"
#include "mesh/wire.hpp"

namespace cm::fuzz::link {

using mesh::FrameType;
using routing::ServiceRef;
namespace pb = mesh::pb;

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "link: %s\n", what);
  std::abort();
}

// What the fuzzer wants, byte by byte; zeros when it ends.
class Script {
 public:
  explicit Script(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint8_t u8() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  template <class T>
  T number() {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(T{u8()} << (8 * i)));
    return value;
  }
  std::string bytes(std::size_t most) {
    const auto size = std::min({most, std::size_t{u8()} * (u8() % 16 == 0 ? 64 : 1), bytes_.size()});
    std::string out(reinterpret_cast<const char*>(bytes_.data()), size);
    bytes_ = bytes_.subspan(size);
    return out;
  }
  std::string service_id() {
    static constexpr std::array<std::string_view, 8> kIds{"game#0@f", "agent#0@f", "hub#1@f",  "own#0@t",
                                                          "hub#0@t",  "x#999@f",   "bad id@f", ""};
    const std::uint8_t choice = u8();
    return choice < 240 ? std::string(kIds[choice % kIds.size()]) : bytes(300);
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

// Takes what comes, or has no room, as the script wants.
class Sink final : public routing::Destination {
 public:
  routing::Delivery deliver(const routing::Envelope& /*envelope*/) override {
    return full.load() ? routing::Delivery::full : routing::Delivery::sent;
  }
  std::atomic<bool> full{false};
};

// The host: own#0@t and hub#0@t, which have clients, and a mesh with one I/O worker.
class Target {
 public:
  Target() {
    require(base::set_log_levels("off").has_value(), "no logs");
    mesh::Config config;
    config.name = "target";
    config.mesh = "fuzz";
    config.boot = "target-boot";
    config.grace = std::chrono::milliseconds(200);
    config.backoff_min = config.backoff_max = config.backoff_refused = std::chrono::milliseconds(1);
    config.duplicate_check = std::chrono::milliseconds(100);
    config.backlog = 64U << 10U;
    config.peer.max_names = 32;
    config.peer.max_kinds = 8;
    config.peer.max_services = 8;
    config.peer.max_clients = 64;
    mesh_ = std::make_unique<mesh::Mesh>(config, std::vector{&worker_}, registry);
    worker_.start();
    port = base::HostPort::parse(mesh_->start().value()).value().port;
    for (const auto* id : {"own#0@t", "hub#0@t"}) up(id);
  }

  void up(const std::string& id) {
    routing::ServiceEntry entry;
    entry.ref = names.service(id);
    entry.kind = names.kind_of(entry.ref);
    entry.public_address = "127.0.0.1:1";
    entry.gateway = true;
    entry.mailbox = entry.clients = sink;
    require(static_cast<bool>(registry.put(std::move(entry))), "an own service is not this host's");
  }
  void send(const std::string& to, const std::string& from, std::size_t size) {
    const std::string body(size, 'b');
    routing::Envelope e;
    e.kind = routing::Kind::call;
    e.to = names.find(to);
    e.from = names.find(from);
    e.body = std::as_bytes(std::span(body));
    (void)routing::Registry::deliver(*registry.snapshot(), e);
  }
  void dial(const std::string& host, const std::string& boot, std::uint16_t at) {
    discovery::ServiceRecord record;
    record.id = "any#0@t";
    record.mesh = "fuzz";
    record.host = host;
    record.boot = boot;
    record.link_address = "127.0.0.1:" + std::to_string(at);
    mesh_->set_peers({record});
  }
  void dial_nobody() { mesh_->set_peers({}); }

  // Back to what it was before anybody came; after some runs, that nothing is left of the peers.
  void settle() {
    sink->full = false;
    registry.notify_room(ServiceRef::none);
    for (const auto* id : {"own#0@t", "hub#0@t"}) {
      if (!registry.find(names.service(id))) up(id);
    }
    if (++runs_ % 1024 != 0) return;
    const auto something_left = [&] { return !mesh_->links().empty() || names.counts().held != 0; };
    for (int i = 0; i < 3000 && something_left(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    require(mesh_->links().empty(), "a link stays without its peer");
    const auto services = registry.snapshot();
    require(services->entries.size() == 2, "services stay without their peer");
    require(names.counts().held == 0, "names stay without their peer");
  }

  routing::Names names;
  routing::Registry registry{names};
  std::shared_ptr<Sink> sink = std::make_shared<Sink>();
  std::uint16_t port = 0;

 private:
  net::IoWorker worker_{0};
  std::unique_ptr<mesh::Mesh> mesh_;
  std::uint64_t runs_ = 0;
};

// One connection. Checks that what the host sends is what the protocol says.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    const timeval limit{30, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }
  ~Peer() { ::close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  struct Frame {
    FrameType type{};
    std::string payload;
  };

  void send(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t sent = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) {
        require(errno != EAGAIN, "the host does not read for 30 s");
        return;
      }
      at += static_cast<std::size_t>(sent);
    }
  }
  // Nothing when the host closed.
  std::optional<Frame> read() {
    while (true) {
      if (in_.size() >= 4) {
        const std::size_t size = mesh::get_u32(reinterpret_cast<const std::byte*>(in_.data()));
        require(size >= 1 && size + 4 <= mesh::kMaxFrame, "it sent a frame of an impossible length");
        if (in_.size() >= size + 4) {
          Frame frame{static_cast<FrameType>(in_[4]), in_.substr(5, size - 1)};
          in_.erase(0, size + 4);
          return frame;
        }
      }
      std::array<char, 16384> buffer;
      const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
      require(got >= 0 || errno != EAGAIN, "the host says nothing for 30 s");
      if (got <= 0) return std::nullopt;
      in_.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  void end_of_input() { ::shutdown(fd_, SHUT_WR); }

 private:
  const int fd_;
  std::string in_;
};

std::string frame(FrameType type, const std::string& payload);
// One run: connections of one peer, as the script wants.
void play(Target& target, Script script);

}  // namespace cm::fuzz::link
