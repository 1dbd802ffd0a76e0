#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "routing/ids.hpp"

namespace cm::routing {

// Equal to cm_frontend_options of the plugin ABI, with its zeros replaced by their meaning.
struct FrontendOptions {
  bool routes = false;
  std::string address = "0.0.0.0";
  std::string public_host;
  std::uint16_t port = 0;
  std::uint32_t max_clients = 100'000;
  std::uint32_t max_body = 65'533;
  std::uint32_t outbox_limit = 1U << 20U;
  std::uint32_t idle_timeout_ms = 0;
  std::uint32_t admit_timeout_ms = 0;
  std::uint32_t max_refused = 8;
  std::uint16_t ping_id = 0;
  std::uint32_t ping_timeout_ms = 0;
};

// What a listener speaks. Equal to cm_transport of the plugin ABI.
enum class Transport : std::uint8_t { tcp = 1, tls = 2, ws = 3, wss = 4 };
[[nodiscard]] constexpr bool is_tls(Transport t) { return t == Transport::tls || t == Transport::wss; }
[[nodiscard]] constexpr bool is_websocket(Transport t) { return t == Transport::ws || t == Transport::wss; }
[[nodiscard]] constexpr const char* name(Transport t) {
  return t == Transport::tls ? "tls" : t == Transport::ws ? "ws" : t == Transport::wss ? "wss" : "tcp";
}

// Equal to cm_listener_options of the plugin ABI, with its zeros replaced by their meaning.
struct ListenerOptions {
  Transport transport = Transport::tcp;
  std::string address;      // empty: that of the frontend
  std::string public_host;  // likewise
  std::uint16_t port = 0;
  std::uint32_t max_body = 0;  // 0: that of the frontend
  std::uint32_t max_handshakes = 1'000;
  std::uint32_t handshake_timeout_ms = 10'000;
  std::string certificate;  // paths of PEM files
  std::string private_key;
  std::uint32_t tls_min_version = 12;  // or 13
  std::string origins;
  bool deflate = false;
  std::string page_type;  // empty: no page
  std::string page;
  std::string subprotocols;
  std::uint32_t ping_interval_ms = 20'000;  // 0: never
  std::uint32_t peer_timeout_ms = 20'000;   // likewise
};

// The frontends of this host, as the plugin room sees them (the session room implements them). All else that a service
// does with clients goes there as envelopes. [any thread]
class Frontends {
 public:
  Frontends() = default;
  Frontends(const Frontends&) = delete;
  Frontends& operator=(const Frontends&) = delete;
  virtual ~Frontends() = default;

  struct Opened {
    std::uint16_t port = 0;
    std::string public_address;  // as cm_service_info of the plugin ABI has it
  };
  // Listens, does not accept yet. The Registry's entry of `owner` gets its `clients`, `public_address` and `gateway` by
  // the caller.
  virtual base::Result<Opened> open(ServiceRef owner, const FrontendOptions& options) = 0;
  // As open(), but its first listener is `first`; `options` name no port then.
  virtual base::Result<Opened> open(ServiceRef owner, const FrontendOptions& options, const ListenerOptions& first) = 0;

  struct Listener {
    std::uint32_t number = 0;  // counted from 1, the first of open()
    Transport transport = Transport::tcp;
    std::uint16_t port = 0;
    // What clients are told to connect to, at least one: `tcp://host:port`, `tls://host:port`, `ws://host:port/`,
    // `wss://host:port/`.
    std::vector<std::string> urls;
  };
  // One more listener of an open frontend.
  virtual base::Result<Listener> add_listener(ServiceRef owner, const ListenerOptions& options) = 0;
  // Transport, address and port stay.
  virtual base::Status update_listener(ServiceRef owner, std::uint32_t number, const ListenerOptions& options) = 0;
  [[nodiscard]] virtual std::vector<Listener> listeners(ServiceRef owner) const = 0;
  // The destination for envelopes to the clients of `owner`; null when it has no frontend.
  virtual std::shared_ptr<class Destination> clients(ServiceRef owner) = 0;
  virtual void accept(ServiceRef owner) = 0;
  virtual base::Status update(ServiceRef owner, const FrontendOptions& options) = 0;
  virtual void intercept(ServiceRef owner, std::uint16_t msg_id) = 0;
  // Sets the version of the client protocol that clients which connect from now on speak, until Kind::protocol.
  virtual void set_protocol(ServiceRef owner, std::uint8_t version) = 0;
  // Stops accepting; clients stay.
  virtual void stop_accepting(ServiceRef owner) = 0;
  // Closes the clients with a notice (bounded time), tells services of their end, and forgets the frontend. Returns
  // when that is done.
  virtual void close(ServiceRef owner) = 0;

  struct Counts {
    std::uint64_t clients = 0;
    std::uint64_t admitted = 0;
  };
  [[nodiscard]] virtual Counts counts(ServiceRef owner) const = 0;
};

}  // namespace cm::routing
