// The agent: owner of the client frontend. It decides who may enter and who is bound where; the host carries everything
// else past it.
#include <cellmesh/plugin.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "../frontend/listeners.hpp"
#include "presence.hpp"

using cellmesh::Client;
using cellmesh::Sender;
using cellmesh::ServiceId;
using cellmesh::Status;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view game_kind = "game";
constexpr auto verify_timeout = 5s;
constexpr auto load_delay = 200ms;  // so that a burst of clients is one report
constexpr auto retry_delay = 200ms;

std::int64_t since_1970_ms() {
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

cellmesh::FrontendOptions frontend_options(const proto::AgentSettings& settings) {
  cellmesh::FrontendOptions options;
  options.routes = true;
  options.address = settings.listen_address();
  options.public_host = settings.public_host();
  options.port = static_cast<std::uint16_t>(settings.port());
  options.max_clients = settings.max_clients();
  options.max_body = settings.max_body();
  options.outbox_limit = settings.outbox_limit();
  options.idle_timeout = 3 * std::chrono::seconds(settings.heartbeat_sec());
  options.admit_timeout = std::chrono::seconds(settings.verify_timeout_sec());
  options.max_refused = settings.max_refused();
  return options;
}

}  // namespace

class Agent : public cellmesh::Service<Agent, proto::AgentSettings> {
 public:
  void start() {
    frontend::open(listeners(), frontend_options(settings()), settings());
    if (const Status intercepted = gateway().intercept<proto::VerifyREQ>(); intercepted != Status::ok) {
      throw std::runtime_error(cellmesh::format("cannot look at who enters: {}", intercepted));
    }
    for (const auto& listener : listeners().list()) log().info("clients enter at {}", listener.url);
    directory().set_load(0);
  }

  void on_settings(const proto::AgentSettings& now) {
    if (const Status status = gateway().update(frontend_options(now)); status != Status::ok) {
      log().warn("the frontend keeps its limits: {}", status);
    }
    if (!frontend::update(listeners(), now)) log().warn("not all listeners took the new settings");
  }

  void on(const proto::PingACK& ping, Client /*from*/) { reply(ping); }

  // Intercepted: what the client sends behind it waits until release().
  Status on(const proto::VerifyREQ& req, Client client) {
    if (request().from() || client.agent() != self()) return Status::refused;
    if (const auto* known = entered_.find(client); known != nullptr) {
      if (known->verified()) {
        say_already_verified(client);
        gateway().release(client);
      }
      return Status::ok;
    }
    const ServiceId game = game_of(req.game_svc_id());
    if (!game) {
      turn_away(client, "no such game is up");
      return Status::ok;
    }
    const auto options = cellmesh::on_behalf(client, verify_timeout);
    if (const Status sent = call<&Agent::on_verified>(options, game, req, client, game); sent != Status::ok) {
      turn_away(client, to_string(sent));
      return Status::ok;
    }
    entered_[client].set_verified(false);
    return Status::ok;
  }

  void on(const proto::AgentInfoREQ& /*req*/, Sender from) {
    proto::AgentInfoACK ack;
    for (const auto& listener : listeners().list()) ack.add_urls(listener.url);
    from.reply(ack);
  }

  // A backend wants the client's messages of its kind.
  Status on(const proto::BindBackendACK& req, Sender from) { return gateway().bind(client_of(req.id()), from.id()); }

  Status on(const proto::UnbindBackendACK& req, Sender from) {
    const auto backend = directory().get(from.id());
    return backend ? gateway().unbind(client_of(req.id()), backend->kind) : Status::unavailable;
  }

  Status on(const proto::CloseClientACK& req, Sender from) {
    const std::string text = "closed by " + directory().name(from.id());
    if (req.all()) return clients().close_all(self(), cellmesh::CloseReason::kicked, text);
    std::vector<Client> list;
    for (const auto id : req.id()) list.push_back(client_of(id));
    return list.empty() ? Status::ok : clients().close(list, cellmesh::CloseReason::kicked, text);
  }

  void on(const proto::WhoIsREQ& req, Sender from) {
    proto::WhoIsACK ack;
    if (const auto* entry = entered_.find(client_of(req.id())); entry != nullptr && entry->verified()) {
      ack.set_uid(entry->uid());
      ack.set_entered_at_ms(entry->entered_at_ms());
    }
    from.reply(ack);
  }

  void on(const proto::AnnounceREQ& /*req*/, Sender from) { see_to(presence_.watch(from.id())); }

  void on_service(ServiceId service, bool up) {
    if (!up) presence_.unwatch(service);
  }

  void on_client_opened(Client /*client*/) { report_load_soon(); }

  void on_client_closed(Client client, cellmesh::CloseReason /*reason*/) {
    see_to(presence_.left(client));
    entered_.erase(client);
    report_load_soon();
  }

 private:
  void on_verified(const proto::VerifyACK& ack, Status status, Client client, ServiceId game) {
    auto* entry = entered_.edit(client);
    if (entry == nullptr) return;  // gone meanwhile
    // Bound first: a game that went down since is no place to enter.
    if (status == Status::ok && ack.result() == proto::NoError) status = gateway().bind(client, game);
    if (status != Status::ok) {
      entered_.erase(client);
      turn_away(client, to_string(status));
      return;
    }
    if (ack.result() == proto::NoError) {
      entry->set_verified(true);
      entry->set_uid(cellmesh::format("player-{}-{}", index(), client.session()));
      entry->set_entered_at_ms(since_1970_ms());
      see_to(presence_.entered(client));
      gateway().admit(client);  // before it is told: who is in misses nothing that others say from then on
      verified_.add();
    } else {
      entered_.erase(client);
      refused_.add();
    }
    clients().send(client, ack);
    gateway().release(client);
  }

  // The game that the client is to enter; none when it is not up, or is no game.
  ServiceId game_of(const std::string& id) {
    if (id.empty()) return directory().pick(std::string(game_kind));
    const auto game = directory().get(directory().find(id));
    return game && game->kind == game_kind ? game->service : ServiceId();
  }

  // The client stays outside and may try again.
  void turn_away(Client client, std::string_view why) {
    log().debug("{} not verified: {}", client, why);
    refused_.add();
    proto::VerifyACK ack;
    ack.set_result(proto::GameNotFound);
    clients().send(client, ack);
    gateway().release(client);
  }

  void say_already_verified(Client client) {
    proto::NoticeACK notice;
    notice.set_code(proto::NoticeACK::AlreadyVerified);
    notice.set_msg_id(cellmesh::MessageTraits<proto::VerifyREQ>::id);
    notice.set_service(std::string(id()));
    notice.set_text("verified already; nothing changed");
    clients().send(client, notice);
  }

  [[nodiscard]] Client client_of(std::int64_t session) const { return {self(), static_cast<std::uint64_t>(session)}; }

  // Whether all that watch who is here were told.
  void see_to(bool told) {
    if (!told && !retry_timer_) retry_timer_ = after<&Agent::tell_late>(retry_delay);
  }
  void tell_late() {
    retry_timer_ = {};
    see_to(presence_.retry());
  }

  void report_load_soon() {
    if (!load_timer_) load_timer_ = after<&Agent::report_load>(load_delay);
  }
  void report_load() {
    load_timer_ = {};
    directory().set_load(gateway().client_count());
  }

  agent::Entries entered_{*this, "entered"};
  agent::Presence<Agent> presence_{*this, entered_};
  cellmesh::TimerId load_timer_;   // runs while a report is due
  cellmesh::TimerId retry_timer_;  // runs while somebody missed who came or went
  cellmesh::Counter verified_ = counter("verified");
  cellmesh::Counter refused_ = counter("not_verified");
};

CELLMESH_PLUGIN(Agent)
