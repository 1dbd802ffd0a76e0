// The agent: owner of the client frontend. It decides who may enter and who is bound where; the host carries everything
// else past it.
#include <cellmesh/plugin.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../choice/choice.hpp"
#include "../clock/since_1970.hpp"
#include "../frontend/listeners.hpp"
#include "../tokens/public_key.hpp"
#include "presence.hpp"
#include "relay.hpp"
#include "spent_tokens.hpp"
#include "token_check.hpp"

using agent::Claims;
using cellmesh::Client;
using cellmesh::CloseReason;
using cellmesh::Sender;
using cellmesh::ServiceId;
using cellmesh::Status;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view replaced_text = "you entered anew from elsewhere";
constexpr auto verify_timeout = 5s;
constexpr auto game_timeout = 3500ms;  // while another game may be asked; a game that waits for data answers in 3 s
constexpr int max_games = 3;           // that are asked for one client
constexpr auto load_delay = 200ms;     // so that a burst of clients is one report
constexpr auto retry_delay = 200ms;
constexpr auto key_patience = 2s;  // for a key that was published just now
constexpr std::size_t max_waiting = 1'000;
constexpr auto tidy_period = 10s;

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
  options.ping_id = cellmesh::MessageTraits<proto::PingACK>::id;
  options.ping_timeout = std::chrono::seconds(settings.ping_timeout_sec());
  return options;
}

std::string random_hex() {
  std::random_device random;
  std::string text;
  for (int word = 0; word < 2; ++word) {
    for (std::uint32_t bits = random(), nibble = 0; nibble < 8; ++nibble, bits >>= 4U) {
      text += "0123456789abcdef"[bits & 15U];
    }
  }
  return text;
}

auto not_asked(const proto::AgentEntry& entry) {
  return [&entry](const cellmesh::ServiceInfo& info) {
    return std::find(entry.asked().begin(), entry.asked().end(), info.id) == entry.asked().end();
  };
}

}  // namespace

class Agent : public cellmesh::Service<Agent, proto::AgentSettings> {
 public:
  void start() {
    frontend::open(listeners(), frontend_options(settings()), settings());
    gateway().set_default_protocol(proto::Version1);
    if (const Status intercepted = gateway().intercept<proto::VerifyREQ>(); intercepted != Status::ok) {
      throw std::runtime_error(cellmesh::format("cannot look at who enters: {}", intercepted));
    }
    for (const auto& listener : listeners().list()) log().info("clients enter at {}", listener.url);
    directory().set_load(0);
    audience_ = cellmesh::format("{}/{}", id(), random_hex());
    if (const Status status = kv().watch(std::string(tokens::key_folder)); status != Status::ok) {
      log().error("no token can be checked, the keys of logins cannot be watched: {}", status);
    }
    every<&Agent::tidy>(tidy_period);
  }

  void save(proto::AgentState& state) const {
    state.set_audience(audience_);
    relay_.save(state);
  }
  void load(const proto::AgentState& state) {
    audience_ = state.audience();
    relay_.load(state);
    entered_.for_each([this](Client client, const proto::AgentEntry& entry) {
      if (entry.verified()) online_[entry.uid()] = client;
    });
  }

  // The public keys of logins.
  void on_entry(std::string_view name, std::optional<std::string_view> value) {
    const std::string_view kid = tokens::kid_of(name);
    if (kid.empty()) return;
    auto key = value ? tokens::PublicKey::parse(*value) : std::nullopt;
    if (!key) {
      if (value) log().warn("the KV's {} holds no public key on the curve P-256 and is not believed", name);
      return tokens_.remove_key(kid);
    }
    tokens_.set_key(kid, std::move(key->pem));
    look_again();
  }

  void on_settings(const proto::AgentSettings& now) {
    if (const Status status = gateway().update(frontend_options(now)); status != Status::ok) {
      log().warn("the frontend keeps its limits: {}", status);
    }
    if (!frontend::update(listeners(), now)) log().warn("not all listeners took the new settings");
  }

  void resumed() { gateway().set_default_protocol(proto::Version1); }  // the version before may not have known how

  void on(const proto::PingACK& ping, Client from) {
    state_protocol(from, ping.protocol());
    reply(ping);
  }

  // Intercepted: what the client sends behind it waits until release().
  Status on(const proto::VerifyREQ& req, Client client) {
    if (request().from() || client.agent() != self()) return Status::refused;
    state_protocol(client, req.protocol());
    if (const auto* known = entered_.find(client); known != nullptr) {
      if (known->verified()) {
        say_already_verified(client);
        gateway().release(client);
      }
      return Status::ok;
    }
    if (settings().require_token()) {
      look_at(req, client, true);
    } else {
      ask_game(client, settings().game_kind(), req.game_svc_id(), {.uid = cellmesh::format("guest-{}", random_hex())});
    }
    return Status::ok;
  }

  void on(const proto::AgentInfoREQ& req, Sender from) {
    proto::AgentInfoACK ack;
    for (const auto& listener : listeners().list()) {
      for (const auto& url : listener.urls) ack.add_urls(url);
    }
    ack.set_audience(audience_);
    if (!req.game_kind().empty()) {
      ack.set_chose_game(true);
      ack.set_game(directory().name(reachable_game(req)));
    }
    from.reply(ack);
  }

  // A backend wants the client's messages of its kind.
  Status on(const proto::BindBackendACK& req, Sender from) { return gateway().bind(client_of(req.id()), from.id()); }

  Status on(const proto::UnbindBackendACK& req, Sender from) {
    const auto backend = directory().get(from.id());
    return backend ? gateway().unbind(client_of(req.id()), backend->kind) : Status::unavailable;
  }

  Status on(const proto::CloseClientACK& req, Sender from) {
    const auto reason = req.replaced() ? CloseReason::replaced : CloseReason::kicked;
    const std::string text = req.replaced() ? std::string(replaced_text) : "closed by " + directory().name(from.id());
    if (req.all()) return clients().close_all(self(), reason, text);
    std::vector<Client> list;
    for (const auto id : req.id()) list.push_back(client_of(id));
    return list.empty() ? Status::ok : clients().close(list, reason, text);
  }

  void on(const proto::WhoIsREQ& req, Sender from) {
    proto::WhoIsACK ack;
    if (const auto* entry = entered_.find(client_of(req.id())); entry != nullptr && entry->verified()) {
      ack.set_uid(entry->uid());
      ack.set_entered_at_ms(entry->entered_at_ms());
      *ack.mutable_channels() = entry->channels();
    }
    from.reply(ack);
  }

  void on(const proto::AnnounceREQ& /*req*/, Sender from) { see_to(presence_.watch(from.id())); }

  // Of the social service that leads.
  Status on(const proto::LeadREQ& req, Sender from) {
    if (!is_social(from)) return Status::refused;
    proto::LeadACK ack;
    if (relay_.follow(req, from.id(), ack)) see_to(presence_.watch(from.id()));
    return from.reply(ack);
  }
  Status on(const proto::DeliverREQ& req, Sender from) {
    return is_social(from) ? from.reply(relay_.deliver(req, from.id())) : Status::refused;
  }
  Status on(const proto::MembershipREQ& req, Sender from) {
    if (!is_social(from)) return Status::refused;
    proto::MembershipACK ack;
    ack.set_refused(!relay_.leads(from.id(), req.epoch()));
    ack.set_epoch(relay_.epoch());
    if (ack.refused()) return from.reply(ack);
    const Client client = client_of(req.session());
    auto* entry = entered_.edit(client);
    ack.set_gone(entry == nullptr || !entry->verified());
    if (!ack.gone() && agent::change(*entry, req)) see_to(presence_.changed(client));
    return from.reply(ack);
  }

  void on_service(ServiceId service, bool up) {
    if (up) return;
    presence_.unwatch(service);
    relay_.down(service);
  }

  void on_client_opened(Client /*client*/) { report_load_soon(); }

  void on_client_closed(Client client, CloseReason /*reason*/) {
    see_to(presence_.left(client));
    if (const auto* entry = entered_.find(client); entry != nullptr && entry->verified()) {
      const auto online = online_.find(entry->uid());
      if (online != online_.end() && online->second == client) online_.erase(online);
    }
    entered_.erase(client);
    waiting_.erase(client);
    report_load_soon();
  }

 private:
  void state_protocol(Client client, std::uint32_t version) {
    if (version == proto::VersionNotStated) return;
    gateway().set_protocol(client, std::min<std::uint32_t>(version, proto::ProtocolVersion_MAX));
  }

  // The token first, and what it says alone: a client's word counts for nothing.
  void look_at(const proto::VerifyREQ& req, Client client, bool may_wait) {
    const std::int64_t now = since_1970::seconds();
    auto found = tokens_.check(req.game_token(), {audience_, now, settings().clock_skew_sec()});
    if (found.result == proto::TokenKeyUnknown && may_wait && waiting_.size() < max_waiting) {
      waiting_[client] = req;
      after<&Agent::stop_waiting>(key_patience, client);
      return;
    }
    if (found.result != proto::NoError) return turn_away(client, found.result, found.text);
    const Claims& claims = found.claims;
    if (!req.game_svc_id().empty() && req.game_svc_id() != claims.game) {
      return turn_away(client, proto::GameNotFound, "the token is for another game");
    }
    if (spent_.has(claims.id)) {
      return turn_away(client, proto::TokenReplayed, "somebody entered with this token already; log in again");
    }
    if (!spent_.take(claims.id, claims.expires + settings().clock_skew_sec(), now)) {
      return turn_away(client, proto::TooManyAttempts, "more tokens came lately than this agent can remember");
    }
    ask_game(client, kind_of(claims.game), claims.game, claims);
  }

  // Their key may have come.
  void look_again() {
    std::vector<Client> list;
    waiting_.for_each([&](Client client, const proto::VerifyREQ& /*req*/) { list.push_back(client); });
    for (const Client client : list) look_once_more(client, true);
  }
  void stop_waiting(Client client) { look_once_more(client, false); }
  void look_once_more(Client client, bool may_wait) {
    const auto* waiting = waiting_.find(client);
    if (waiting == nullptr) return;
    const proto::VerifyREQ req = *waiting;
    if (may_wait &&
        tokens_.check(req.game_token(), {audience_, since_1970::seconds(), 0}).result == proto::TokenKeyUnknown)
      return;
    waiting_.erase(client);
    look_at(req, client, false);
  }

  // The client enters as this uid, if the game agrees: the wanted one, or another of the kind where that one is not up,
  // did not answer lately, or does not answer.
  void ask_game(Client client, const std::string& kind, const std::string& wanted, const Claims& claims) {
    auto& entry = entered_[client];
    entry.set_uid(claims.uid);
    entry.set_token_id(claims.id);
    entry.set_game_kind(kind);
    const ServiceId game = game_of(wanted, kind);
    ServiceId first = game;
    if (!game || games_.doubts(wanted, now())) first = next_game(entry);
    ask_games(client, first, Status::unavailable);
  }

  // Asks one game after another until one can be asked. `why`: what became of the one before.
  void ask_games(Client client, ServiceId game, Status why) {
    auto* entry = entered_.edit(client);
    proto::EnterGameREQ req;
    req.set_uid(entry->uid());
    for (; game; game = next_game(*entry)) {
      entry->add_asked(directory().name(game));
      const bool last =
          entry->asked_size() >= max_games || !choice::Choice::any(directory(), entry->game_kind(), not_asked(*entry));
      const auto options =
          cellmesh::on_behalf(client, last ? milliseconds(verify_timeout) : milliseconds(game_timeout));
      why = call<&Agent::on_entered>(options, game, req, client, game);
      if (why == Status::ok) return;
    }
    const std::string_view text = entry->asked().empty() ? "no such game is up" : to_string(why);
    spent_.give_back(entry->token_id());
    entered_.erase(client);
    turn_away(client, proto::GameNotFound, text);
  }

  // Returns a game that was not asked for this client yet; none when enough were.
  ServiceId next_game(const proto::AgentEntry& entry) {
    if (entry.asked_size() >= max_games) return {};
    return games_.pick(directory(), entry.game_kind(), now(), not_asked(entry));
  }

  // Returns the first game that its login would choose and that is well here, else any.
  ServiceId reachable_game(const proto::AgentInfoREQ& req) {
    for (const auto& id : req.games()) {
      const auto game = directory().get(game_of(id, req.game_kind()));
      if (!id.empty() && game && game->load && !games_.doubts(id, now())) return game->service;
    }
    return games_.pick(directory(), req.game_kind(), now(), [](const cellmesh::ServiceInfo&) { return true; });
  }

  void on_entered(const proto::EnterGameACK& ack, Status status, Client client, ServiceId game) {
    const bool agreed = status == Status::ok && ack.result() == proto::NoError;
    // Bound first: a game that went down since is no place to enter. And the host tells a game that is bound when the
    // client goes, or that it is gone: nothing else does, and one that answers late may have it for entered, too.
    const bool late = status == Status::timeout;
    const Status bound = agreed || late ? gateway().bind(client, game) : status;
    auto* entry = entered_.edit(client);
    if (entry == nullptr) return;  // gone meanwhile
    if (agreed) status = bound;
    if (late && bound == Status::ok) (void)gateway().unbind(client, kind_of(directory().name(game)));
    if (agreed) games_.answered(directory().name(game));
    if (!agreed || bound != Status::ok) {
      if (status == Status::timeout || status == Status::unavailable) {
        games_.failed(directory().name(game), now());
        if (const ServiceId next = next_game(*entry)) return ask_games(client, next, status);
      }
      spent_.give_back(entry->token_id());
      entered_.erase(client);
      if (status == Status::ok) return turn_away(client, ack.result(), ack.text());
      return turn_away(client, proto::GameNotFound, to_string(status));
    }
    entry->set_verified(true);
    entry->set_entered_at_ms(since_1970::milliseconds());
    const auto [online, is_new] = online_.try_emplace(entry->uid(), client);
    if (!is_new) {
      clients().close(std::exchange(online->second, client), CloseReason::replaced, std::string(replaced_text));
      replaced_.add();
    }
    gateway().admit(client);  // before it is told: who is in misses nothing that others say from then on
    verified_.add();
    proto::VerifyACK answer;
    answer.set_uid(entry->uid());
    clients().send(client, answer);
    see_to(presence_.entered(client));  // what waited for it comes behind the answer
    gateway().release(client);
  }

  void tidy() { spent_.tidy(since_1970::seconds()); }

  // `game#0@dev` -> `game`
  static std::string kind_of(const std::string& id) { return id.substr(0, id.find('#')); }

  // Returns the game that the client is to enter, any of the kind where `id` is empty; none when it is not up, or is of
  // another kind.
  ServiceId game_of(const std::string& id, const std::string& kind) {
    if (id.empty()) return directory().pick(kind);
    // Looked for among those that are up: the host remembers each id that it is asked for, and this one is a client's.
    for (const auto& game : directory().list(kind)) {
      if (directory().name(game.service) == id) return game.service;
    }
    return {};
  }

  // The client stays outside and may try again.
  void turn_away(Client client, proto::ResultCode result, std::string_view why) {
    log().debug("{} not verified, result {}: {}", client, result, why);
    refused_.add();
    proto::VerifyACK ack;
    ack.set_result(result);
    ack.set_text(std::string(why));
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

  [[nodiscard]] bool is_social(Sender from) {
    const auto info = directory().get(from.id());
    return info && info->kind == "social";
  }

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
  agent::Relay<Agent> relay_{*this, entered_};
  cellmesh::Table<Client, proto::VerifyREQ> waiting_{*this, "waiting"};  // for the key of their token
  std::unordered_map<std::string, Client> online_;                       // by uid, the newest of each
  agent::TokenCheck tokens_;
  agent::SpentTokens<Agent> spent_{*this};
  std::string audience_;  // what tokens for this agent name, since its start
  choice::Choice games_;
  cellmesh::TimerId load_timer_;   // runs while a report is due
  cellmesh::TimerId retry_timer_;  // runs while somebody missed who came or went
  cellmesh::Counter verified_ = counter("verified");
  cellmesh::Counter refused_ = counter("not_verified");
  cellmesh::Counter replaced_ = counter("replaced");
};

CELLMESH_PLUGIN(Agent)
