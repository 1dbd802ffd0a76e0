#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mesh/wire.hpp"

namespace cm::mesh {

// Why two hosts are not linked. Equal to Refusal.Reason of mesh.proto.
enum class Reason : std::uint8_t {
  none = 0,
  protocol = 1,
  version = 2,
  other_mesh = 3,
  duplicate_host = 4,
  duplicate_service = 5,
  self = 6,
  tie = 7,
  stale = 8,
  stopping = 9,
  busy = 10,
  wrong_host = 11,
};

// Another host refused this one.
struct Refused {
  Reason reason = Reason::none;
  std::string host;  // who refused; as it was dialed
  std::string text;  // its words: cause and cure
};

// What one peer may make this host keep; all of it is released with the peer. Each limit is far above what a mesh
// needs: a peer that exceeds one breaks the protocol, and its link is closed with an error that names the limit.
struct PeerLimits {
  std::size_t max_names = kMaxRef;      // service ids that it names on one stream
  std::size_t max_kinds = 512;          // kinds of service among these
  std::size_t max_services = 16'384;    // services of its own that are up
  std::size_t max_frame = kMaxFrame;    // bytes of a frame, so also of a part of one that waits for its rest
  std::size_t max_clients = 1U << 20U;  // pairs of a client of its and a service here that the client spoke to
};

struct Config {
  std::string name;  // of this host
  std::string mesh;
  std::string boot;  // of this process: new_boot()
  std::string listen_address = "127.0.0.1";
  std::uint16_t listen_port = 0;

  // How long a peer's services stay, and what is sent to them waits, when the connection broke.
  std::chrono::milliseconds grace{3000};
  std::chrono::milliseconds backoff_min{50};
  std::chrono::milliseconds backoff_max{2000};
  // Until a host that refused is dialed again, or one that was given up.
  std::chrono::milliseconds backoff_refused{5000};
  std::chrono::milliseconds handshake_limit{5000};
  std::chrono::milliseconds ping{2000};
  std::chrono::milliseconds silence{8000};
  // How long a linked host has to prove that it lives when another of its name comes.
  std::chrono::milliseconds duplicate_check{3000};
  // How long stop() waits for peers to take what is on its way to them.
  std::chrono::milliseconds stop_limit{2000};

  std::size_t outbox_soft = 8U << 20U;   // bytes a link that wait or are not acknowledged: past it messages are refused
  std::size_t outbox_hard = 16U << 20U;  // and replies, closes and ends as well
  std::size_t backlog = 16U << 20U;      // bytes a link for full local services: past it the link is not read
  PeerLimits peer;
  std::size_t max_links = 4096;
  std::size_t max_handshakes = 256;

  // Called when another host refused this one. [an io worker]
  std::function<void(const Refused&)> on_refused;
};

// What `cellmesh ctl links` shows.
struct LinkInfo {
  std::string host;
  std::string boot;     // empty: not known yet
  std::string address;  // where it is linked, or dialed; empty: it dialed and is gone
  std::string state;    // "up", "connecting", "waiting" (to dial again), "broken" (grace runs), "stopping"
  bool dialed = false;  // by this host
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t unacked = 0;  // bytes sent and kept
  std::uint64_t queued = 0;   // bytes that wait to be sent
  std::uint64_t parked = 0;   // bytes that wait for room in services of this host
  std::uint64_t lost = 0;     // messages that were dropped, with peers or services that went away
  std::uint64_t reconnects = 0;
  std::optional<double> rtt_ms;
  std::string last_error;
  std::vector<std::string> services;
  unsigned worker = 0;
};

}  // namespace cm::mesh
