#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "net/descriptors.hpp"
#include "session/gateway.hpp"

namespace cm::session {

// What the Gateway shares with callbacks on the workers.
struct Gateway::State {
  std::vector<std::shared_ptr<SessionTable>> tables;  // constant; by worker
  unsigned next_worker = 0;                           // worker 0 only
  mutable std::mutex mutex;                           // guards open, and what stands so in each Open
  std::unordered_map<routing::ServiceRef, std::shared_ptr<Open>> open;

  [[nodiscard]] std::vector<std::shared_ptr<Open>> all() const {
    const std::lock_guard lock(mutex);
    std::vector<std::shared_ptr<Open>> result;
    for (const auto& [owner, entry] : open) result.push_back(entry);
    return result;
  }
  [[nodiscard]] std::vector<Door> doors(const Open& entry) const {
    const std::lock_guard lock(mutex);
    return entry.doors;
  }
  // No other will come.
  [[nodiscard]] std::vector<Door> last_doors(Open& entry) const {
    const std::lock_guard lock(mutex);
    entry.closing = true;
    return entry.doors;
  }

  // Hands a connection to the next worker. [worker 0]
  void on_connection(const std::shared_ptr<Frontend>& frontend, Port& port, net::Fd socket);
};

// Why the options are none.
base::Status check_frontend(const routing::FrontendOptions& options);

}  // namespace cm::session
