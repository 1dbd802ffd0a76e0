#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "net/transport.hpp"
#include "session/frontend.hpp"

namespace cm::session {

class SessionTable;

// Connections of one io worker that are not clients yet: their transports agree with them on TLS and WebSocket first,
// for a bounded time, and a bounded number at once. Owned by the SessionTable. [io worker]
class Entrance {
 public:
  explicit Entrance(SessionTable& table);
  Entrance(const Entrance&) = delete;
  Entrance& operator=(const Entrance&) = delete;
  ~Entrance();

  // Becomes a session of the frontend when its handshake is done.
  void admit(const std::shared_ptr<Frontend>& frontend, Port& port, std::unique_ptr<net::Transport> transport,
             std::chrono::milliseconds timeout);
  // Closes those whose time is over.
  void tick();
  void close_all(const Frontend& frontend);

 private:
  class Guest;

  void free(Guest& guest);

  SessionTable& table_;
  std::vector<std::unique_ptr<Guest>> guests_;
};

}  // namespace cm::session
