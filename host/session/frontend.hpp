#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "net/tls.hpp"
#include "net/websocket.hpp"
#include "routing/frontends.hpp"
#include "session/router.hpp"

namespace cm::session {

class Session;

// The version of the client protocol of a client that is sent every message.
inline constexpr std::uint8_t kAnyProtocol = 255;

// A listener of a frontend as all workers see it; lives as long as that. [any thread]
class Port {
 public:
  // `its_tls`: of those that speak it.
  Port(const routing::ListenerOptions& options, std::uint32_t frontend_max_body,
       std::shared_ptr<net::TlsServer> its_tls)
      : transport(options.transport), tls(std::move(its_tls)) {
    update(options, frontend_max_body);
  }

  struct Config {
    std::chrono::milliseconds handshake_timeout{0};
    std::uint32_t max_handshakes = 0;
    std::shared_ptr<const net::WebSocketConfig> websocket;
  };
  [[nodiscard]] Config config() const {
    const std::lock_guard lock(mutex_);
    return config_;
  }
  void update(const routing::ListenerOptions& options, std::uint32_t frontend_max_body);
  // The frontend's limit is another.
  void update(std::uint32_t frontend_max_body) {
    if (own_max_body_.load(std::memory_order_relaxed) == 0) max_body = frontend_max_body;
  }

  const routing::Transport transport;
  const std::shared_ptr<net::TlsServer> tls;
  std::atomic<std::uint32_t> max_body{0};          // of a client's message
  std::atomic<std::uint32_t> ping_interval_ms{0};  // of silence, after which a client is pinged; 0: never
  std::atomic<std::uint32_t> handshakes{0};        // that are not done yet

 private:
  std::atomic<std::uint32_t> own_max_body_{0};
  mutable std::mutex mutex_;  // guards config_
  Config config_;
};

// A frontend as all workers see it. [any thread]
class Frontend {
 public:
  Frontend(routing::ServiceRef service, routing::KindRef its_kind, const routing::FrontendOptions& options)
      : owner(service),
        kind(its_kind),
        routes(options.routes),
        max_clients(options.max_clients),
        max_body_(options.max_body) {}

  // One that stays until the end.
  Port& add_port(const routing::ListenerOptions& options, std::shared_ptr<net::TlsServer> tls = nullptr) {
    const std::lock_guard lock(mutex_);
    return *ports_.emplace_back(std::make_unique<Port>(options, max_body_, std::move(tls)));
  }
  void update_port(Port& port, const routing::ListenerOptions& options) {
    const std::lock_guard lock(mutex_);
    port.update(options, max_body_);
  }
  void update(const routing::FrontendOptions& options) {
    max_clients = options.max_clients;
    const std::lock_guard lock(mutex_);
    max_body_ = options.max_body;
    for (const auto& port : ports_) port->update(options.max_body);
  }

  const routing::ServiceRef owner;
  const routing::KindRef kind;
  const bool routes;
  std::atomic<std::uint32_t> max_clients;
  std::atomic<std::uint64_t> clients{0};
  std::atomic<std::uint64_t> admitted{0};
  std::atomic<bool> closed{false};  // takes no envelope and no client any more

  // Takes a client's place; false when all are taken.
  [[nodiscard]] bool take_place() {
    if (clients.fetch_add(1, std::memory_order_relaxed) < max_clients.load(std::memory_order_relaxed)) return true;
    clients.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  // Sessions that exist, those included that are being closed.
  void entered() {
    const std::lock_guard lock(mutex_);
    ++inside_;
  }
  void left() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }
  // False when some are still inside after that time.
  [[nodiscard]] bool wait_empty(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return empty_.wait_for(lock, timeout, [&] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;  // guards all below
  std::vector<std::unique_ptr<Port>> ports_;
  std::uint32_t max_body_;
  std::condition_variable empty_;
  std::uint64_t inside_ = 0;
};

// A frontend's part on one io worker. Worker only.
struct Shard {
  std::shared_ptr<Frontend> frontend;
  routing::FrontendOptions options;  // limits and time-outs
  FrontendRules rules;
  std::vector<Session*> sessions;  // open ones, those that are admitted in front
  std::size_t admitted = 0;
  std::uint8_t protocol = kAnyProtocol;  // of clients that connect now
};

}  // namespace cm::session
