// The gateway's listeners: opened, accepting, and what comes in by them.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/host_port.hpp"
#include "base/log.hpp"
#include "net/frame.hpp"
#include "net/tcp_transport.hpp"
#include "session/gateway_state.hpp"
#include "session/public_urls.hpp"

namespace cm::session {
namespace {

using routing::FrontendOptions;
using routing::ListenerOptions;
using routing::ServiceRef;
using routing::Transport;

constexpr std::uint32_t kMaxOutbox = 1U << 30U;
constexpr std::size_t kMaxDoors = 16;
constexpr std::uint32_t kMaxHandshakeTime = 600'000;
constexpr base::LogLimit kRarely{.burst = 1, .refill = std::chrono::seconds(10)};

net::TlsConfig tls_config(const ListenerOptions& options) {
  return {options.certificate, options.private_key, options.tls_min_version,
          routing::is_websocket(options.transport) ? "http/1.1" : "cellmesh"};
}

std::chrono::seconds peer_timeout(const ListenerOptions& options) {
  return std::chrono::ceil<std::chrono::seconds>(std::chrono::milliseconds(options.peer_timeout_ms));
}

base::Status check_listener(const ListenerOptions& options) {
  const bool websocket = routing::is_websocket(options.transport);
  const std::size_t most = websocket ? net::kMaxExtendedBody : net::kMaxFrameBody;
  const std::string what = std::string("a listener of ") + routing::name(options.transport);
  if (options.max_body > most) {
    return base::error(what + " has a max_body of " + std::to_string(options.max_body) + "; it may be up to " +
                       std::to_string(most));
  }
  if (options.max_handshakes == 0) return base::error(what + " has max_handshakes 0; it must be 1 or more");
  if (options.handshake_timeout_ms == 0 || options.handshake_timeout_ms > kMaxHandshakeTime) {
    return base::error(what + " has a handshake_timeout_ms of " + std::to_string(options.handshake_timeout_ms) +
                       "; it must be between 1 and " + std::to_string(kMaxHandshakeTime));
  }
  const bool of_websocket =
      options.deflate || !options.page_type.empty() || !options.origins.empty() || !options.subprotocols.empty();
  if (!websocket && of_websocket) {
    return base::error(what + " has no origins, subprotocols, deflate or page: only ws and wss do");
  }
  if (auto parsed = net::Subprotocols::parse(options.subprotocols); !parsed) {
    return base::error(what + ": " + parsed.error().text);
  }
  // The type goes into a line of the answer.
  for (const char c : options.page_type) {
    if (c < ' ' || c > '~') return base::error("a page's type holds what is no printable ASCII");
  }
  return {};
}

}  // namespace

base::Status check_frontend(const FrontendOptions& options) {
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

void Gateway::State::on_connection(const std::shared_ptr<Frontend>& frontend, Port& port, net::Fd socket) {
  const net::DescriptorLimits limits = net::descriptor_limits();
  const auto number = static_cast<std::uint64_t>(socket.get());
  bool full = number >= limits.clients();
  if (full) {
    base::log(base::Room::session, "descriptors", kRarely)
        .warn(
            "clients are refused: all descriptors but those kept for links, the admin socket, Consul, databases and "
            "reloads are in use; raise the limit of open files (ulimit -n, LimitNOFILE= of systemd), or add hosts "
            "limit={} kept={}",
            limits.limit, limits.reserve);
  }
  Counters& count = tables.front()->count();
  if (number >= limits.refusals()) return count.turned_away.add();
  const std::shared_ptr<SessionTable>& table = tables[next_worker++ % tables.size()];
  std::function<void()> take;
  const auto fd = std::make_shared<net::Fd>(std::move(socket));
  if (port.transport == Transport::tcp) {
    full = full || !frontend->take_place();
    take = [table, frontend, &port, full, fd] {
      auto transport = std::make_unique<net::TcpTransport>(table->worker().context(), std::move(*fd));
      if (const auto unwanted = table->adopt(frontend, port, std::move(transport), full)) unwanted->close();
    };
  } else {
    if (port.handshakes.fetch_add(1, std::memory_order_relaxed) >= port.config().max_handshakes) {
      port.handshakes.fetch_sub(1, std::memory_order_relaxed);
      count.not_entered.add();
      return count.turned_away.add();  // who has no place to shake hands cannot be told why
    }
    take = [table, frontend, &port, full, fd] { table->enter(frontend, port, std::move(*fd), full); };
  }
  if (table->worker().on_this_thread()) {
    take();
  } else {
    table->worker().post(std::move(take));
  }
}

FrontendOptions Gateway::within_descriptors(Open& open, FrontendOptions options) const {
  const net::DescriptorLimits limits = net::descriptor_limits();
  const std::uint32_t wanted = options.max_clients;
  if (wanted > limits.clients())
    options.max_clients = static_cast<std::uint32_t>(std::max(limits.clients(), std::uint64_t{1}));
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(open.max_clients, wanted) == wanted) return options;
  }
  if (options.max_clients != wanted) {
    base::log(base::Room::session)
        .info(
            "{} takes at most {} clients, not max_clients={}: the limit of open files is {}, of which {} are kept for "
            "links, the admin socket, Consul, databases and reloads; raise it (ulimit -n, LimitNOFILE= of systemd), or "
            "lower max_clients",
            registry_.names().service_id(open.frontend->owner), options.max_clients, wanted, limits.limit,
            limits.reserve);
  }
  return options;
}

base::Result<routing::Frontends::Opened> Gateway::open(ServiceRef owner, const FrontendOptions& options) {
  ListenerOptions tcp;
  tcp.port = options.port;
  return open(owner, options, tcp);
}

base::Result<routing::Frontends::Opened> Gateway::open(ServiceRef owner, const FrontendOptions& options,
                                                       const ListenerOptions& first) {
  const std::string id(registry_.names().service_id(owner));
  if (id.empty()) return base::error("a frontend needs a service that owns it");
  if (auto status = check_frontend(options); !status) return status.error();
  if (find(owner)) return base::error(id + " has opened its frontend already; a service has one at most");

  auto open = std::make_shared<Open>();
  open->options = options;
  open->frontend = std::make_shared<Frontend>(owner, registry_.names().kind_of(owner), options);
  open->frontend->update(within_descriptors(*open, options));
  open->clients = std::make_shared<FrontendClients>(open->frontend, state_->tables);
  auto door = open_door(*open, first);
  if (!door) return door.error();
  for (const auto& table : state_->tables) {
    table->worker().post([table, frontend = open->frontend, options] { table->add(frontend, options); });
  }
  constexpr std::string_view kTcp = "tcp://";
  const std::string& url = door->info.urls.front();
  const Opened result{door->info.port, url.starts_with(kTcp) ? url.substr(kTcp.size()) : url};
  const std::lock_guard lock(state_->mutex);
  open->doors.push_back(std::move(*door));
  state_->open.emplace(owner, std::move(open));
  return result;
}

base::Result<Gateway::Door> Gateway::open_door(Open& open, const ListenerOptions& wanted) const {
  const std::string id(registry_.names().service_id(open.frontend->owner));
  ListenerOptions options = wanted;
  if (options.address.empty()) options.address = open.options.address;
  if (options.public_host.empty()) options.public_host = open.options.public_host;
  if (auto status = check_listener(options); !status) return status.error();
  if (doors(open).size() >= kMaxDoors) {
    return base::error(id + " has " + std::to_string(kMaxDoors) + " listeners already; that is the most");
  }
  std::shared_ptr<net::TlsServer> tls;
  if (routing::is_tls(options.transport)) {
    auto server = net::TlsServer::open(tls_config(options));
    if (!server) return base::error("the frontend of " + id + ": " + server.error().text);
    tls = std::move(*server);
  }
  auto listener = net::Listener::open(state_->tables.front()->worker(), options.address, options.port);
  if (!listener) return base::error("the frontend of " + id + ": " + listener.error().text);

  (*listener)->set_peer_timeout(peer_timeout(options));
  auto urls =
      public_urls(options.public_host, {options.transport, options.address, (*listener)->port(), doors(open).empty()});
  if (!urls) return base::error("the frontend of " + id + ": " + urls.error().text);

  Door door;
  door.listener = *listener;
  door.info.number = static_cast<std::uint32_t>(doors(open).size()) + 1;
  door.info.transport = options.transport;
  door.info.port = (*listener)->port();
  door.info.urls = std::move(*urls);
  door.port = &open.frontend->add_port(options, std::move(tls));
  base::log(base::Room::session)
      .info("frontend open service={} transport={} address={} public={}", id, routing::name(options.transport),
            base::HostPort{options.address, door.info.port}.text(), base::log_value(door.info.urls.front()));
  return door;
}

base::Result<routing::Frontends::Listener> Gateway::add_listener(ServiceRef owner, const ListenerOptions& options) {
  const auto open = find(owner);
  if (!open) return base::error("the service has no frontend open");
  auto door = open_door(*open, options);
  if (!door) return door.error();
  bool accepting = false;
  {
    const std::lock_guard lock(state_->mutex);
    if (open->closing) return base::error("the frontend closes");
    open->doors.push_back(*door);
    accepting = open->accepting;
  }
  if (accepting) accept_at(open, *door);
  return door->info;
}

base::Status Gateway::update_listener(ServiceRef owner, std::uint32_t number, const ListenerOptions& options) {
  const auto open = find(owner);
  if (!open) return base::error("the service has no frontend open");
  for (const auto& door : doors(*open)) {
    if (door.info.number != number) continue;
    ListenerOptions wanted = options;
    wanted.transport = door.info.transport;
    if (auto status = check_listener(wanted); !status) return status;
    open->frontend->update_port(*door.port, wanted);  // whatever becomes of the certificate
    state_->tables.front()->worker().post(
        [listener = door.listener, timeout = peer_timeout(wanted)] { listener->set_peer_timeout(timeout); });
    return door.port->tls ? door.port->tls->change(tls_config(wanted)) : base::Status();
  }
  return base::error("the frontend has no listener " + std::to_string(number));
}

std::vector<routing::Frontends::Listener> Gateway::listeners(ServiceRef owner) const {
  std::vector<Listener> all;
  if (const auto open = find(owner)) {
    for (const auto& door : doors(*open)) all.push_back(door.info);
  }
  return all;
}

void Gateway::accept(ServiceRef owner) {
  const auto open = find(owner);
  if (!open) return;
  std::vector<Door> waiting;
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(open->accepting, true)) return;
    waiting = open->doors;
  }
  for (const auto& door : waiting) accept_at(open, door);
}

void Gateway::accept_at(const std::shared_ptr<Open>& open, const Door& door) const {
  state_->tables.front()->worker().post([weak = std::weak_ptr(state_), open, door] {
    door.listener->accept([weak, frontend = open->frontend, port = door.port](net::Fd socket) {
      if (const auto state = weak.lock()) state->on_connection(frontend, *port, std::move(socket));
    });
  });
}

void Gateway::stop_accepting(ServiceRef owner) {
  const auto open = find(owner);
  if (!open) return;
  state_->tables.front()->worker().post([doors = state_->last_doors(*open)] {
    for (const auto& door : doors) door.listener->close();
  });
}

std::vector<Gateway::Door> Gateway::doors(const Open& open) const { return state_->doors(open); }

}  // namespace cm::session
