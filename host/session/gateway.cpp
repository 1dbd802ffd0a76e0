#include "session/gateway.hpp"

#include <cassert>
#include <chrono>
#include <functional>
#include <random>
#include <string>
#include <utility>

#include <boost/asio/ip/udp.hpp>

#include "base/host_port.hpp"
#include "base/log.hpp"
#include "net/frame.hpp"
#include "net/tcp_transport.hpp"

namespace cm::session {
namespace {

using routing::FrontendOptions;
using routing::Registry;
using routing::ServiceRef;

constexpr std::size_t kMaxWorkers = 256;
constexpr std::uint32_t kMaxOutbox = 1U << 30U;
constexpr std::int64_t kTickMs = 100;
// A session takes 2 s to flush and 1 s to linger at most.
constexpr auto kCloseTime = std::chrono::milliseconds(3500);
constexpr auto kAbortTime = std::chrono::milliseconds(500);

// 23 random bits and not 0: numbers are positive as int64 too, and 0 is nobody's.
std::uint32_t random_boot() { return std::random_device{}() >> 9U | 1U; }

base::Status check(const FrontendOptions& options) {
  if (options.max_body > net::kMaxFrameBody) {
    return base::error("max_body is " + std::to_string(options.max_body) + "; the client framing holds at most " +
                       std::to_string(net::kMaxFrameBody));
  }
  if (options.max_clients == 0) return base::error("max_clients is 0; it must be 1 or more");
  if (options.max_refused == 0) return base::error("max_refused is 0; it must be 1 or more");
  if (options.outbox_limit == 0 || options.outbox_limit > kMaxOutbox) {
    return base::error("outbox_limit is " + std::to_string(options.outbox_limit) + "; it must be between 1 and " +
                       std::to_string(kMaxOutbox));
  }
  return {};
}

// The address that this machine uses towards others: that of a socket which would send there (nothing is sent).
std::string own_address(bool v6) {
  namespace ip = boost::asio::ip;
  boost::asio::io_context context;
  boost::system::error_code ec;
  ip::udp::socket socket(context);
  const ip::udp::endpoint out(ip::make_address(v6 ? "2001:db8::1" : "192.0.2.1"), 9);
  socket.connect(out, ec);
  const auto local = ec ? ip::udp::endpoint() : socket.local_endpoint(ec);
  if (ec || local.address().is_unspecified()) return v6 ? own_address(false) : "127.0.0.1";
  return local.address().to_string();
}

std::string public_address(const FrontendOptions& options, std::uint16_t port) {
  std::string host = options.public_host;
  if (host.empty()) {
    const auto address = boost::asio::ip::make_address(options.address);
    host = address.is_unspecified() ? own_address(address.is_v6()) : address.to_string();
  }
  return base::HostPort{host, port}.text();
}

// A worker that does not run yet has no session, and nobody else is there.
void run_on(const std::shared_ptr<SessionTable>& table, const std::function<void()>& fn) {
  if (table->worker().running()) {
    table->worker().run_and_wait(fn);
  } else {
    fn();
  }
}

}  // namespace

struct Gateway::State {
  std::vector<std::shared_ptr<SessionTable>> tables;  // constant; by worker
  unsigned next_worker = 0;                           // worker 0 only
  mutable std::mutex mutex;                           // guards open
  std::unordered_map<ServiceRef, std::shared_ptr<Open>> open;

  [[nodiscard]] std::vector<std::shared_ptr<Open>> all() const {
    const std::lock_guard lock(mutex);
    std::vector<std::shared_ptr<Open>> result;
    for (const auto& [owner, entry] : open) result.push_back(entry);
    return result;
  }

  // Hands a connection to the next worker. [worker 0]
  void on_connection(const std::shared_ptr<Frontend>& frontend, net::Fd socket) {
    const bool full = !frontend->take_place();
    const std::shared_ptr<SessionTable>& table = tables[next_worker++ % tables.size()];
    const auto adopt = [table, frontend, full, fd = std::make_shared<net::Fd>(std::move(socket))] {
      table->adopt(frontend, std::make_unique<net::TcpTransport>(table->worker().context(), std::move(*fd)), full);
    };
    if (table->worker().on_this_thread()) {
      adopt();
    } else {
      table->worker().post(adopt);
    }
  }
};

Gateway::Gateway(const std::vector<std::unique_ptr<net::IoWorker>>& workers, Registry& registry,
                 const routing::Routes& routes)
    : registry_(registry), state_(std::make_shared<State>()) {
  assert(!workers.empty() && workers.size() <= kMaxWorkers);
  const std::uint32_t boot = random_boot();
  for (const auto& worker : workers) {
    auto table = std::make_shared<SessionTable>(*worker, registry, routes, boot);
    worker->every(kTickMs, [weak = std::weak_ptr(table), &clock = *worker] {
      if (const auto alive = weak.lock()) alive->tick(clock.now_ms());
    });
    state_->tables.push_back(std::move(table));
  }
  workers.front()->every(kTickMs, [weak = std::weak_ptr(state_)] {
    const auto state = weak.lock();
    if (!state) return;
    for (const auto& open : state->all()) open->listener->tick();
  });
  registry.listen([weak = std::weak_ptr(state_)](Registry::Event event, ServiceRef service) {
    const auto state = weak.lock();
    if (!state) return;
    for (const auto& table : state->tables) {
      if (event == Registry::Event::down) table->service_lost(service);
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

base::Result<routing::Frontends::Opened> Gateway::open(ServiceRef owner, const FrontendOptions& options) {
  const std::string id(registry_.names().service_id(owner));
  if (id.empty()) return base::error("a frontend needs a service that owns it");
  if (const auto status = check(options); !status) return status.error();
  if (find(owner)) return base::error(id + " has opened its frontend already; a service has one at most");
  auto listener = net::Listener::open(state_->tables.front()->worker(), options.address, options.port);
  if (!listener) return base::error("the frontend of " + id + ": " + listener.error().text);

  auto open = std::make_shared<Open>();
  open->frontend = std::make_shared<Frontend>(owner, registry_.names().kind_of(owner), options);
  open->listener = *listener;
  open->clients = std::make_shared<FrontendClients>(open->frontend, state_->tables);
  for (const auto& table : state_->tables) {
    table->worker().post([table, frontend = open->frontend, options] { table->add(frontend, options); });
  }
  const Opened result{(*listener)->port(), public_address(options, (*listener)->port())};
  base::log(base::Room::session)
      .info("frontend open service={} address={} public={}", id, base::HostPort{options.address, result.port}.text(),
            base::log_value(result.public_address));
  const std::lock_guard lock(state_->mutex);
  state_->open.emplace(owner, std::move(open));
  return result;
}

std::shared_ptr<routing::Destination> Gateway::clients(ServiceRef owner) {
  const auto open = find(owner);
  return open ? open->clients : nullptr;
}

void Gateway::accept(ServiceRef owner) {
  const auto open = find(owner);
  if (!open) return;
  state_->tables.front()->worker().post([weak = std::weak_ptr(state_), open] {
    open->listener->accept([weak, frontend = open->frontend](net::Fd socket) {
      if (const auto state = weak.lock()) state->on_connection(frontend, std::move(socket));
    });
  });
}

base::Status Gateway::update(ServiceRef owner, const FrontendOptions& options) {
  const auto open = find(owner);
  if (!open) return base::error("the service has no frontend open");
  if (const auto status = check(options); !status) return status;
  open->frontend->max_clients = options.max_clients;
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

void Gateway::stop_accepting(ServiceRef owner) {
  const auto open = find(owner);
  if (open) state_->tables.front()->worker().post([open] { open->listener->close(); });
}

void Gateway::close(ServiceRef owner) {
  const auto open = find(owner);
  if (!open) return;
  run_on(state_->tables.front(), [&] { open->listener->close(); });
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
