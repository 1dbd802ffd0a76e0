#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mesh/config.hpp"
#include "mesh/opening.hpp"
#include "net/io_worker.hpp"
#include "routing/registry.hpp"

namespace cm::mesh {

class Link;

// A process to dial.
struct Candidate {
  std::string boot;
  std::string address;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// What all links of a Mesh share: who this host is, and which links there are. Shared by the Mesh and its links.
// [any thread]
class LinkTable : public std::enable_shared_from_this<LinkTable> {
 public:
  LinkTable(Config config, std::vector<net::IoWorker*> workers, routing::Registry& registry)
      : config_(std::move(config)), workers_(std::move(workers)), registry_(registry) {}

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const std::vector<net::IoWorker*>& workers() const { return workers_; }
  [[nodiscard]] routing::Registry& registry() const { return registry_; }

  // Why this host cannot be linked with who said this; nothing when it can.
  [[nodiscard]] std::optional<pb::Refusal> judge(const OpeningFrame& frame, const pb::Hello& hello) const;
  // The same of the services: each may be up once in the mesh.
  [[nodiscard]] std::optional<pb::Refusal> judge_services(const pb::Hello& hello) const;
  // Who this host is and what it runs, with the next sequence number.
  [[nodiscard]] pb::Hello hello() const;

  // The link to a host, made when it is new; null when there are too many, or when it is too late.
  std::shared_ptr<Link> link_to(const std::string& host);
  // The hosts to dial, all others no more.
  void want(std::map<std::string, std::vector<Candidate>> hosts);
  // True when the link is out of the table: nobody wants it.
  bool forget(const Link& link);
  [[nodiscard]] bool is_up(const std::string& host) const;
  // Somebody else announces services that links which are not up still hold: they are taken from these.
  void give_way(std::span<const routing::ServiceRef> services) const;

  // No link is made any more.
  void close();
  [[nodiscard]] std::vector<std::shared_ptr<Link>> links() const;
  // Calls fn on each link; fn must not use the table.
  void for_each(const std::function<void(Link&)>& fn) const;
  void clear();

  void refused(const Refused& refused) const;

 private:
  std::shared_ptr<Link> link_to_locked(const std::string& host);

  // Constant after construction.
  const Config config_;
  const std::vector<net::IoWorker*> workers_;
  routing::Registry& registry_;

  mutable std::atomic<std::uint64_t> sequence_{0};
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, std::shared_ptr<Link>> links_;
  std::map<std::string, std::vector<Candidate>> wanted_;
  bool closed_ = false;
};

}  // namespace cm::mesh
