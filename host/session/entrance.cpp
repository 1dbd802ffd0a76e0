#include "session/entrance.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "net/tcp_transport.hpp"
#include "net/websocket.hpp"
#include "session/session_table.hpp"

namespace cm::session {
namespace {
constexpr std::int64_t kTickMs = 100;
}  // namespace

class Entrance::Guest final : public net::Transport::Handler, private net::WebSocketHost {
 public:
  Guest(Entrance& entrance, std::shared_ptr<Frontend> its_frontend, Port& port, bool full, std::uint32_t its_deadline)
      : frontend(std::move(its_frontend)),
        deadline(its_deadline),
        entrance_(entrance),
        table_(entrance.table_),
        port_(port),
        full_(full) {
    frontend->entered();
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest() {
    port_.handshakes.fetch_sub(1, std::memory_order_relaxed);
    frontend->left();
  }

  void start(net::Fd socket, std::shared_ptr<const net::WebSocketConfig> websocket) {
    auto& context = table_.worker().context();
    if (port_.tls) {
      transport_ = port_.tls->transport(context, std::move(socket));
    } else {
      transport_ = std::make_unique<net::TcpTransport>(context, std::move(socket));
    }
    if (routing::is_websocket(port_.transport)) {
      transport_ = net::make_websocket(std::move(transport_), context, table_.pool(), std::move(websocket), *this,
                                       port_.max_body);
    }
    transport_->attach(*this);
    transport_->handshake([this](bool ok) {
      if (closed_) return;
      if (!ok) return close();
      const bool full = full_ || !frontend->take_place();
      transport_ = table_.adopt(frontend, port_, std::move(transport_), full);
      if (transport_) return close();
      closed_ = true;
      entrance_.free(*this);
    });
  }
  void close() {
    if (std::exchange(closed_, true)) return;
    table_.count().not_entered.add();
    transport_->close();
    if (!transport_->busy()) entrance_.free(*this);
  }
  [[nodiscard]] bool closed() const { return closed_; }

  // Constant after construction.
  const std::shared_ptr<Frontend> frontend;
  const std::uint32_t deadline;  // the table's clock

 private:
  void on_readable() override {}
  void on_writable() override {}
  void on_released() override { entrance_.free(*this); }

  [[nodiscard]] std::string unhealthy() const override {
    const auto services = table_.registry().snapshot();
    const auto* service = services->find(frontend->owner);
    if (service == nullptr || service->draining || frontend->closed) return "going down";
    return service->unhealthy.empty() ? "" : "unhealthy";  // the reason is for operators
  }
  void origin_refused(std::string_view peer, std::string_view origin, std::string_view host) override {
    table_.count().origins_refused.add();
    base::log(base::Room::session)
        .warn(
            "refused a WebSocket from a page of another site; if it is yours, add it to ws_origins service={} "
            "origin={} host={} peer={}",
            table_.names().service_id(frontend->owner), base::log_value(origin), base::log_value(host),
            base::log_value(peer));
  }
  void no_subprotocol(std::string_view peer, std::string_view offered) override {
    base::log(base::Room::session)
        .warn(
            "a WebSocket client offers no subprotocol that is listed, and gets none, at which browsers give up; add "
            "one of them to ws_subprotocols service={} offered={} peer={}",
            table_.names().service_id(frontend->owner), base::log_value(offered), base::log_value(peer));
  }

  Entrance& entrance_;
  SessionTable& table_;
  Port& port_;
  const bool full_;
  std::unique_ptr<net::Transport> transport_;
  bool closed_ = false;  // or entered
};

Entrance::Entrance(SessionTable& table) : table_(table) {}
Entrance::~Entrance() = default;

void Entrance::admit(const std::shared_ptr<Frontend>& frontend, Port& port, net::Fd socket, bool full) {
  Port::Config config = port.config();
  const auto ticks = static_cast<std::uint32_t>((config.handshake_timeout.count() + kTickMs - 1) / kTickMs);
  guests_.push_back(std::make_unique<Guest>(*this, frontend, port, full, table_.clock() + std::max(ticks, 1U)));
  guests_.back()->start(std::move(socket), std::move(config.websocket));
}

void Entrance::tick() {
  // Backwards: who is freed makes room for one from behind, which was looked at.
  for (std::size_t i = guests_.size(); i-- > 0;) {
    if (!guests_[i]->closed() && table_.clock() > guests_[i]->deadline) guests_[i]->close();
  }
}

void Entrance::close_all(const Frontend& frontend) {
  for (std::size_t i = guests_.size(); i-- > 0;) {
    if (guests_[i]->frontend.get() == &frontend) guests_[i]->close();
  }
}

void Entrance::free(Guest& guest) {
  const auto it = std::find_if(guests_.begin(), guests_.end(), [&](const auto& one) { return one.get() == &guest; });
  std::shared_ptr<Guest> leaving(std::move(*it));
  *it = std::move(guests_.back());
  guests_.pop_back();
  table_.worker().retire(std::move(leaving));
}

}  // namespace cm::session
