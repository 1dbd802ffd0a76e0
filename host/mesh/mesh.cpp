#include "mesh/mesh.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "base/log.hpp"
#include "mesh/greeter.hpp"
#include "mesh/link.hpp"
#include "mesh/link_table.hpp"

namespace cm::mesh {

using routing::Registry;
using routing::ServiceRef;

namespace {

constexpr std::int64_t kTickMs = 100;

}  // namespace

struct Mesh::Impl {
  Impl(Config config, std::vector<net::IoWorker*> workers, Registry& registry)
      : table(std::make_shared<LinkTable>(std::move(config), std::move(workers), registry)),
        greeter(std::make_shared<Greeter>(table, *table->workers().front())) {}

  void on_event(Registry::Event event, std::span<const ServiceRef> refs) const {
    if (event == Registry::Event::room) {
      table->for_each([](Link& link) { link.on_room(); });
      return;
    }
    if (event != Registry::Event::down) {
      const auto services = table->registry().snapshot();
      const bool all_remote = std::all_of(refs.begin(), refs.end(), [&](ServiceRef ref) {
        const auto* entry = services->find(ref);
        return entry != nullptr && !entry->host.empty();
      });
      if (all_remote) return;
    }
    table->for_each([](Link& link) { link.on_local_change(); });
  }

  void tick(const net::IoWorker& worker) const {
    if (stopped) return;
    if (&worker == table->workers().front()) greeter->tick();
    for (const auto& link : table->links()) {
      if (&link->worker() == &worker) link->tick();
    }
  }

  const std::shared_ptr<LinkTable> table;
  const std::shared_ptr<Greeter> greeter;
  std::atomic<bool> started{false};
  std::atomic<bool> stopped{false};
};

Mesh::Mesh(Config config, std::vector<net::IoWorker*> workers, Registry& registry)
    : impl_(std::make_shared<Impl>(std::move(config), std::move(workers), registry)) {
  registry.listen([weak = std::weak_ptr(impl_)](Registry::Event event, std::span<const ServiceRef> refs) {
    if (const auto impl = weak.lock()) impl->on_event(event, refs);
  });
}

Mesh::~Mesh() { stop(); }

base::Result<std::string> Mesh::start() {
  auto address = impl_->greeter->open();
  if (!address) return address;
  impl_->started = true;
  for (net::IoWorker* worker : impl_->table->workers()) {
    worker->run_and_wait([this, worker] {
      if (worker == impl_->table->workers().front()) impl_->greeter->accept();
      worker->every(kTickMs, [weak = std::weak_ptr(impl_), worker] {
        if (const auto impl = weak.lock()) impl->tick(*worker);
      });
    });
  }
  base::log(base::Room::mesh).info("taking links address={} boot={}", *address, impl_->table->config().boot);
  return address;
}

void Mesh::set_peers(const std::vector<discovery::ServiceRecord>& records) {
  const Config& config = impl_->table->config();
  std::map<std::string, std::vector<Candidate>> hosts;
  for (const auto& record : records) {
    if (record.mesh != config.mesh || record.host == config.name || record.boot == config.boot || record.host.empty() ||
        record.link_address.empty()) {
      continue;
    }
    auto& candidates = hosts[record.host];
    const Candidate candidate{record.boot, record.link_address};
    if (std::find(candidates.begin(), candidates.end(), candidate) == candidates.end()) candidates.push_back(candidate);
  }
  impl_->table->want(std::move(hosts));
}

void Mesh::stop() {
  if (!impl_->started || impl_->stopped) return;
  auto& table = *impl_->table;
  table.close();
  table.workers().front()->run_and_wait([this] { impl_->greeter->close(); });

  struct Waiting {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t links = 0;
  };
  const auto waiting = std::make_shared<Waiting>();
  const auto links = table.links();
  waiting->links = links.size();
  for (const auto& link : links) {
    link->stop([waiting] {
      const std::lock_guard lock(waiting->mutex);
      --waiting->links;
      waiting->changed.notify_all();
    });
  }
  {
    std::unique_lock lock(waiting->mutex);
    waiting->changed.wait_for(lock, table.config().stop_limit, [&] { return waiting->links == 0; });
    if (waiting->links != 0) {
      base::log(base::Room::mesh).warn("links closed before their peers had taken everything links={}", waiting->links);
    }
  }
  impl_->stopped = true;
  for (net::IoWorker* worker : table.workers()) {
    worker->run_and_wait([&] {
      for (const auto& link : links) {
        if (&link->worker() == worker) link->abort();
      }
    });
  }
  table.clear();
}

std::vector<LinkInfo> Mesh::links() const {
  std::vector<LinkInfo> all;
  impl_->table->for_each([&](Link& link) { all.push_back(link.info()); });
  return all;
}

}  // namespace cm::mesh
