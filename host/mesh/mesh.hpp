#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "discovery/discovery.hpp"
#include "mesh/config.hpp"
#include "net/io_worker.hpp"
#include "routing/registry.hpp"

namespace cm::mesh {

// The links of this host to others: takes them, dials them, keeps them. The services of linked hosts stand in the
// Registry with their link as destination, and this host's are announced to them. Owned by the composition root; the
// workers run from before start() until after stop().
class Mesh {
 public:
  // [main thread, before any thread starts: it listens to the registry]
  Mesh(Config config, std::vector<net::IoWorker*> workers, routing::Registry& registry);
  ~Mesh();  // stops
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  // Listens; returns the address for other hosts to dial. [main thread]
  base::Result<std::string> start();
  // The services on other hosts that this host wants to reach, whole at each change. Each of their hosts is dialed
  // until it is linked, and again when the link breaks. A host that is not named any more is not dialed any more; its
  // link stays while it is up. [any thread]
  void set_peers(const std::vector<discovery::ServiceRecord>& records);
  // Says goodbye to all, waits until they have taken what is on its way to them (bounded), takes their services out of
  // the registry. [main thread]
  void stop();

  // At most half a second old. [any thread]
  [[nodiscard]] std::vector<LinkInfo> links() const;

 private:
  struct Impl;
  const std::shared_ptr<Impl> impl_;
};

// 128 random bits in hex.
std::string new_boot();

// Who a host is.
struct PeerInfo {
  std::string mesh;
  std::string host;
  std::string boot;
};
// Asks the host that takes links on an address who it is. An error: nobody is there, or nobody that answers in time.
// Blocks for `limit` at most. [any thread but an io worker]
base::Result<PeerInfo> probe(const std::string& address, std::chrono::milliseconds limit);

}  // namespace cm::mesh
