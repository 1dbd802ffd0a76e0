#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mesh/link_table.hpp"
#include "net/listener.hpp"

namespace cm::mesh {

// Takes connections of other hosts, hears who they are, and hands them to their links or refuses them. Owned by the
// Mesh, on one io worker.
class Greeter : public std::enable_shared_from_this<Greeter> {
 public:
  Greeter(std::shared_ptr<LinkTable> table, net::IoWorker& worker) : table_(std::move(table)), worker_(worker) {}

  // Listens; the address to dial. [any thread]
  base::Result<std::string> open();
  // [worker]
  void accept();
  void tick();
  void close();

 private:
  void on_connection(net::Fd socket);
  Task<void> greet(std::shared_ptr<Greeter> self, std::shared_ptr<Opening> opening);
  void complain(const std::string& peer, const std::string& why);

  const std::shared_ptr<LinkTable> table_;
  net::IoWorker& worker_;
  std::shared_ptr<net::Listener> listener_;

  // Worker only.
  std::size_t handshakes_ = 0;
};

}  // namespace cm::mesh
