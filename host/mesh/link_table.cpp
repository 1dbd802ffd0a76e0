#include "mesh/link_table.hpp"

#include <functional>
#include <utility>

#include "base/log.hpp"
#include "mesh/link.hpp"

namespace cm::mesh {
namespace {

constexpr std::size_t kMaxHostName = 256;
constexpr std::size_t kMaxBoot = 64;

std::string version_text(std::uint16_t major, std::uint16_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

}  // namespace

std::optional<pb::Refusal> LinkTable::judge(const OpeningFrame& frame, const pb::Hello& hello) const {
  if (frame.major != kMajor) {
    return refusal(pb::Refusal::VERSION, "host " + config_.name + " speaks version " + version_text(kMajor, kMinor) +
                                             " of the link protocol, not " + version_text(frame.major, frame.minor) +
                                             "; run the same release of cellmesh on both");
  }
  if (hello.host().empty() || hello.host().size() > kMaxHostName || hello.boot().empty() ||
      hello.boot().size() > kMaxBoot) {
    return refusal(pb::Refusal::PROTOCOL, "a hello without a host name and a boot id");
  }
  if (hello.mesh() != config_.mesh) {
    return refusal(pb::Refusal::OTHER_MESH,
                   "host " + config_.name + " is of the mesh " + base::log_value(config_.mesh) + ", not of " +
                       base::log_value(hello.mesh()) + "; give both the same mesh name, or another Consul each");
  }
  if (hello.boot() == config_.boot) return refusal(pb::Refusal::SELF, "host " + config_.name + " dialed itself");
  if (!hello.to().empty() && hello.to() != config_.name) {
    return refusal(pb::Refusal::WRONG_HOST, "this is host " + config_.name + ", not " + base::log_value(hello.to()) +
                                                ": the catalog was out of date");
  }
  if (hello.host() == config_.name) {
    return refusal(pb::Refusal::DUPLICATE_HOST, "a host named " + config_.name +
                                                    " is alive already; start one of the two with another --index or "
                                                    "--group");
  }
  return std::nullopt;
}

std::optional<pb::Refusal> LinkTable::judge_services(const pb::Hello& hello) const {
  const auto snapshot = registry_.snapshot();
  for (const auto& id : hello.services()) {
    if (id.size() > kMaxServiceId) return refusal(pb::Refusal::PROTOCOL, "a service id that is too long");
    const auto* entry = snapshot->find(registry_.names().find(id));
    if (entry == nullptr || entry->host == hello.host() || (!entry->host.empty() && !is_up(entry->host))) continue;
    const std::string& holder = entry->host.empty() ? config_.name : entry->host;
    return refusal(pb::Refusal::DUPLICATE_SERVICE, "the service " + id + " is up on host " + holder +
                                                       " already; start one of the two hosts with another --index or "
                                                       "--group");
  }
  return std::nullopt;
}

pb::Hello LinkTable::hello() const {
  pb::Hello hello;
  hello.set_mesh(config_.mesh);
  hello.set_host(config_.name);
  hello.set_boot(config_.boot);
  hello.set_sequence(++sequence_);
  const auto snapshot = registry_.snapshot();
  for (const auto& entry : snapshot->entries) {
    if (entry.host.empty()) hello.add_services(std::string(registry_.names().service_id(entry.ref)));
  }
  return hello;
}

std::shared_ptr<Link> LinkTable::link_to(const std::string& host) {
  const std::lock_guard lock(mutex_);
  return link_to_locked(host);
}

std::shared_ptr<Link> LinkTable::link_to_locked(const std::string& host) {
  const auto it = links_.find(host);
  if (it != links_.end()) return it->second;
  if (closed_ || links_.size() >= config_.max_links) return nullptr;
  net::IoWorker& worker = *workers_[std::hash<std::string>{}(host) % workers_.size()];
  return links_.emplace(host, std::make_shared<Link>(shared_from_this(), worker, host)).first->second;
}

void LinkTable::want(std::map<std::string, std::vector<Candidate>> hosts) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  for (const auto& [host, candidates] : wanted_) {
    if (hosts.contains(host)) continue;
    const auto it = links_.find(host);
    if (it != links_.end()) it->second->want({});
  }
  for (const auto& [host, candidates] : hosts) {
    const auto link = link_to_locked(host);
    if (link) {
      link->want(candidates);
    } else {
      base::log(base::Room::mesh).error("too many links, not dialed peer={}", base::log_value(host));
    }
  }
  wanted_ = std::move(hosts);
}

bool LinkTable::forget(const Link& link) {
  const std::lock_guard lock(mutex_);
  if (wanted_.contains(link.host())) return false;
  const auto it = links_.find(link.host());
  if (it != links_.end() && it->second.get() == &link) links_.erase(it);
  return true;
}

bool LinkTable::is_up(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  const auto it = links_.find(host);
  return it != links_.end() && it->second->up();
}

void LinkTable::give_way(std::span<const routing::ServiceRef> services) const {
  const auto snapshot = registry_.snapshot();
  std::map<std::string, std::vector<routing::ServiceRef>> by_host;
  for (const auto service : services) {
    const auto* entry = snapshot->find(service);
    if (entry != nullptr && !entry->host.empty()) by_host[entry->host].push_back(service);
  }
  const std::lock_guard lock(mutex_);
  for (auto& [host, its] : by_host) {
    const auto it = links_.find(host);
    if (it != links_.end()) it->second->give_way(std::move(its));
  }
}

void LinkTable::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wanted_.clear();
}

std::vector<std::shared_ptr<Link>> LinkTable::links() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Link>> all;
  all.reserve(links_.size());
  for (const auto& [host, link] : links_) all.push_back(link);
  return all;
}

void LinkTable::for_each(const std::function<void(Link&)>& fn) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [host, link] : links_) fn(*link);
}

void LinkTable::clear() {
  std::map<std::string, std::shared_ptr<Link>> dying;
  const std::lock_guard lock(mutex_);
  dying.swap(links_);
}

void LinkTable::refused(const Refused& refused) const {
  if (config_.on_refused) config_.on_refused(refused);
}

}  // namespace cm::mesh
