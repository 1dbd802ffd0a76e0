#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "net/io_worker.hpp"
#include "net/listener.hpp"
#include "routing/frontends.hpp"
#include "routing/registry.hpp"
#include "routing/route_table.hpp"
#include "session/frontend_clients.hpp"

namespace cm::session {

// The frontends of this host: their listeners, and a table of sessions on each io worker. Made before the workers
// start; stopped while they still run.
class Gateway final : public routing::Frontends {
 public:
  // Listens to the registry. At most 256 workers. [main thread]
  Gateway(const std::vector<std::unique_ptr<net::IoWorker>>& workers, routing::Registry& registry,
          const routing::Routes& routes);
  ~Gateway() override;

  // Closes every frontend. [any thread but an io worker]
  void stop();

  base::Result<Opened> open(routing::ServiceRef owner, const routing::FrontendOptions& options) override;
  base::Result<Opened> open(routing::ServiceRef owner, const routing::FrontendOptions& options,
                            const routing::ListenerOptions& first) override;
  base::Result<Listener> add_listener(routing::ServiceRef owner, const routing::ListenerOptions& options) override;
  base::Status update_listener(routing::ServiceRef owner, std::uint32_t number,
                               const routing::ListenerOptions& options) override;
  [[nodiscard]] std::vector<Listener> listeners(routing::ServiceRef owner) const override;
  std::shared_ptr<routing::Destination> clients(routing::ServiceRef owner) override;
  void accept(routing::ServiceRef owner) override;
  base::Status update(routing::ServiceRef owner, const routing::FrontendOptions& options) override;
  void intercept(routing::ServiceRef owner, std::uint16_t msg_id) override;
  void set_protocol(routing::ServiceRef owner, std::uint8_t version) override;
  void stop_accepting(routing::ServiceRef owner) override;
  // Takes 4 s at most. [any thread but an io worker]
  void close(routing::ServiceRef owner) override;
  [[nodiscard]] Counts counts(routing::ServiceRef owner) const override;

  // [any thread]
  [[nodiscard]] Stats stats() const;
  // At most `limit` clients of a frontend, or of all when owner is `none`. [any thread but an io worker]
  [[nodiscard]] std::vector<ClientRow> list(routing::ServiceRef owner, std::size_t limit);

 private:
  struct Door {
    std::shared_ptr<net::Listener> listener;
    Port* port = nullptr;  // the frontend's
    Listener info;
  };
  struct Open {
    std::shared_ptr<Frontend> frontend;
    std::shared_ptr<FrontendClients> clients;
    routing::FrontendOptions options;  // as opened
    // Guarded by State::mutex.
    std::vector<Door> doors;
    bool accepting = false;
    bool closing = false;
    std::uint32_t max_clients = 0;  // that were wanted last
  };
  struct State;  // what callbacks on the workers share

  [[nodiscard]] std::shared_ptr<Open> find(routing::ServiceRef owner) const;
  // Returns the options with no more clients than there may be descriptors, and says so when that is new.
  [[nodiscard]] routing::FrontendOptions within_descriptors(Open& open, routing::FrontendOptions options) const;
  base::Result<Door> open_door(Open& open, const routing::ListenerOptions& options) const;
  void accept_at(const std::shared_ptr<Open>& open, const Door& door) const;
  [[nodiscard]] std::vector<Door> doors(const Open& open) const;

  // Constant after construction.
  routing::Registry& registry_;
  const std::shared_ptr<State> state_;
};

}  // namespace cm::session
