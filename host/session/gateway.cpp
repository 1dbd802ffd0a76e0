#include "session/gateway.hpp"

#include <cassert>
#include <chrono>
#include <functional>
#include <random>
#include <utility>

#include "base/log.hpp"
#include "session/gateway_state.hpp"

namespace cm::session {
namespace {

using routing::FrontendOptions;
using routing::Registry;
using routing::ServiceRef;

constexpr std::size_t kMaxWorkers = 256;
constexpr std::int64_t kTickMs = 100;
constexpr std::int64_t kOverslept = 3000;  // between two ticks
constexpr std::int64_t kRefreshMs = 1000;  // of certificates
// A session takes 2 s to flush and 1 s to linger at most.
constexpr auto kCloseTime = std::chrono::milliseconds(3500);
constexpr auto kAbortTime = std::chrono::milliseconds(500);

// 23 random bits and not 0: numbers are positive as int64 too, and 0 is nobody's.
std::uint32_t random_boot() { return std::random_device{}() >> 9U | 1U; }

// A worker that does not run yet has no session, and nobody else is there.
void run_on(const std::shared_ptr<SessionTable>& table, const std::function<void()>& fn) {
  if (table->worker().running()) {
    table->worker().run_and_wait(fn);
  } else {
    fn();
  }
}

}  // namespace

Gateway::Gateway(const std::vector<std::unique_ptr<net::IoWorker>>& workers, Registry& registry,
                 const routing::Routes& routes)
    : registry_(registry), state_(std::make_shared<State>()) {
  assert(!workers.empty() && workers.size() <= kMaxWorkers);
  const std::uint32_t boot = random_boot();
  for (const auto& worker : workers) {
    auto table = std::make_shared<SessionTable>(*worker, registry, routes, boot);
    worker->every(kTickMs, [weak = std::weak_ptr(table), &clock = *worker, last = worker->now_ms()]() mutable {
      const std::int64_t slept = clock.now_ms() - std::exchange(last, clock.now_ms());
      const auto alive = weak.lock();
      if (!alive) return;
      if (slept > kOverslept) alive->overslept(clock.now_ms());
      alive->tick(clock.now_ms());
    });
    state_->tables.push_back(std::move(table));
  }
  workers.front()->every(kTickMs, [weak = std::weak_ptr(state_)] {
    const auto state = weak.lock();
    if (!state) return;
    for (const auto& open : state->all()) {
      for (const auto& door : state->doors(*open)) door.listener->tick();
    }
  });
  workers.front()->every(kRefreshMs, [weak = std::weak_ptr(state_)] {
    const auto state = weak.lock();
    if (!state) return;
    for (const auto& open : state->all()) {
      for (const auto& door : state->doors(*open)) {
        if (door.port->tls) door.port->tls->refresh();
      }
    }
  });
  registry.listen([weak = std::weak_ptr(state_)](Registry::Event event, std::span<const ServiceRef> services) {
    const auto state = weak.lock();
    if (!state) return;
    for (const auto& table : state->tables) {
      if (event == Registry::Event::down) table->services_lost(services);
      if (event == Registry::Event::room) table->room();
    }
  });
}

Gateway::~Gateway() {
  stop();
  for (const auto& table : state_->tables) {
    run_on(table, [&] { table->stop(); });
  }
}

void Gateway::stop() {
  for (const auto& open : state_->all()) close(open->frontend->owner);
}

std::shared_ptr<routing::Destination> Gateway::clients(ServiceRef owner) {
  const auto open = find(owner);
  return open ? open->clients : nullptr;
}

base::Status Gateway::update(ServiceRef owner, const FrontendOptions& options) {
  const auto open = find(owner);
  if (!open) return base::error("the service has no frontend open");
  if (auto status = check_frontend(options); !status) return status;
  open->frontend->update(within_descriptors(*open, options));
  for (const auto& table : state_->tables) {
    table->worker().post([table, owner, options] { table->update(owner, options); });
  }
  return {};
}

void Gateway::intercept(ServiceRef owner, std::uint16_t msg_id) {
  for (const auto& table : state_->tables) {
    table->worker().post([table, owner, msg_id] { table->intercept(owner, msg_id); });
  }
}

void Gateway::set_protocol(ServiceRef owner, std::uint8_t version) {
  for (const auto& table : state_->tables) {
    table->worker().post([table, owner, version] { table->set_protocol(owner, version); });
  }
}

void Gateway::close(ServiceRef owner) {
  const auto open = find(owner);
  if (!open) return;
  const auto doors = state_->last_doors(*open);
  run_on(state_->tables.front(), [&] {
    for (const auto& door : doors) door.listener->close();
  });
  // Connections on their way to other workers are before this in those workers' queues.
  for (const auto& table : state_->tables) {
    run_on(table, [&] { table->close_all(owner, CloseReason::going_down, {}); });
  }
  open->frontend->closed = true;
  bool empty = open->frontend->wait_empty(kCloseTime);
  if (!empty) {
    for (const auto& table : state_->tables) {
      run_on(table, [&] { table->abort_all(owner); });
    }
    empty = open->frontend->wait_empty(kAbortTime);
  }
  if (empty) {
    for (const auto& table : state_->tables) {
      run_on(table, [&] { table->remove(*open->frontend); });
    }
  } else {
    base::log(base::Room::session)
        .error("sessions outlive their frontend service={}", registry_.names().service_id(owner));
  }
  const std::lock_guard lock(state_->mutex);
  const auto it = state_->open.find(owner);
  if (it != state_->open.end() && it->second == open) state_->open.erase(it);
}

routing::Frontends::Counts Gateway::counts(ServiceRef owner) const {
  const auto open = find(owner);
  return open ? Counts{open->frontend->clients, open->frontend->admitted} : Counts{};
}

Stats Gateway::stats() const {
  Stats stats;
  for (const auto& table : state_->tables) stats.add(table->counters());
  return stats;
}

std::vector<ClientRow> Gateway::list(ServiceRef owner, std::size_t limit) {
  std::vector<ServiceRef> owners;
  for (const auto& open : state_->all()) {
    if (owner == ServiceRef::none || owner == open->frontend->owner) owners.push_back(open->frontend->owner);
  }
  std::vector<ClientRow> rows;
  for (const auto& table : state_->tables) {
    run_on(table, [&] {
      for (const ServiceRef each : owners) table->list(each, limit, rows);
    });
  }
  return rows;
}

std::shared_ptr<Gateway::Open> Gateway::find(ServiceRef owner) const {
  const std::lock_guard lock(state_->mutex);
  const auto it = state_->open.find(owner);
  return it != state_->open.end() ? it->second : nullptr;
}

}  // namespace cm::session
