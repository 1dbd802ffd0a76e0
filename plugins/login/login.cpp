#include "login.hpp"

#include <cellmesh/trimmed.hpp>

#include <algorithm>
#include <stdexcept>

#include "../clock/since_1970.hpp"
#include "../frontend/listeners.hpp"
#include "../tokens/public_key.hpp"
#include "page/page.hpp"
#include "ways.hpp"

using cellmesh::ServiceId;
using cellmesh::Status;
using namespace std::chrono_literals;

namespace {

// In all, and of one while another may be asked: below what clients wait for an answer.
constexpr std::chrono::milliseconds agents_time = 5s;
constexpr std::chrono::milliseconds agent_timeout = 1s;

cellmesh::FrontendOptions frontend_options(const proto::LoginSettings& settings) {
  cellmesh::FrontendOptions options;
  options.address = settings.listen_address();
  options.public_host = settings.public_host();
  options.port = static_cast<std::uint16_t>(settings.port());
  options.max_clients = settings.max_clients();
  options.admit_timeout = std::chrono::seconds(settings.timeout_sec());  // nobody is ever admitted here
  return options;
}

cellmesh::Page page(const proto::LoginSettings& settings) {
  if (!settings.demo_page()) return {};
  return {.type = "text/html; charset=utf-8",
          .bytes = {reinterpret_cast<const char*>(login::demo_page), login::demo_page_size}};
}

// Agents with an address for clients that were not asked for this client yet.
auto may_ask(const proto::LoginClient& client) {
  return [&client](const cellmesh::ServiceInfo& info) {
    return !info.public_address.empty() &&
           std::find(client.asked().begin(), client.asked().end(), info.id) == client.asked().end();
  };
}

}  // namespace

void Login::start() {
  if (!take_aliases()) throw std::runtime_error("login/platform_aliases is not a list of name=platform");
  take_key(true);
  frontend::open(listeners(), frontend_options(settings()), settings(), page(settings()));
  gateway().set_default_protocol(proto::Version1);
  for (const auto& listener : listeners().list()) log().info("clients log in at {}", listener.url);
  if (const Status status = kv().watch(std::string(tokens::key_folder)); status != Status::ok) {
    log().warn("keys of logins that are gone are not tidied up: {}", status);
  }
  turn_keys();
  every<&Login::look_at_keys>(1s);
  every<&Login::tidy_keys>(60s);
}

void Login::save(proto::LoginState& state) const {
  ring_.save(state);
  state.set_own_key(own_key_);
  state.set_hashes(hashes_);
}

void Login::load(const proto::LoginState& state) {
  ring_.load(state);
  own_key_ = state.own_key();
  hashes_ = state.hashes();
  (void)take_aliases();
  by_account_.resume();
  by_address_.resume();
}

void Login::on_settings(const proto::LoginSettings& now) {
  if (const Status status = gateway().update(frontend_options(now)); status != Status::ok) {
    log().warn("the frontend keeps its limits: {}", status);
  }
  if (!frontend::update(listeners(), now, page(now))) log().warn("not all listeners took the new settings");
  if (!take_aliases()) {
    log().warn("login/platform_aliases \"{}\" is not a list of name=platform; the aliases stay as they were",
               now.platform_aliases());
  }
  look_at_keys();
}

// The page may be another one, and the version before may not have known protocols.
void Login::resumed() {
  (void)frontend::update(listeners(), settings(), page(settings()));
  gateway().set_default_protocol(proto::Version1);
}

bool Login::take_aliases() {
  std::map<std::string, std::string, std::less<>> aliases;
  for (std::string_view left = settings().platform_aliases(); !left.empty();) {
    const auto comma = left.find(',');
    const std::string_view entry = cellmesh::trimmed(left.substr(0, comma));
    left = comma == std::string_view::npos ? std::string_view() : left.substr(comma + 1);
    if (entry.empty()) continue;
    const auto equal = entry.find('=');
    if (equal == std::string_view::npos) return false;
    const std::string_view name = cellmesh::trimmed(entry.substr(0, equal));
    const std::string_view platform = cellmesh::trimmed(entry.substr(equal + 1));
    if (name.empty() || platform.empty()) return false;
    aliases.insert_or_assign(std::string(name), std::string(platform));
  }
  aliases_ = std::move(aliases);
  return true;
}

void Login::on_entry(std::string_view name, std::optional<std::string_view> value) {
  const std::string kid(tokens::kid_of(name));
  const auto key = value ? tokens::PublicKey::parse(*value) : std::nullopt;
  if (key && key->until) {
    leases_.insert_or_assign(kid, *key->until);
  } else {
    leases_.erase(kid);
  }
}

void Login::on_client_origin(Client client, const cellmesh::ClientOrigin& origin) {
  auto& row = clients_[client];
  row.set_address(std::string(origin.address));
  row.set_transport(static_cast<std::int32_t>(origin.transport));
}

void Login::on_client_closed(Client client, cellmesh::CloseReason /*reason*/) { clients_.erase(client); }

Status Login::on(const proto::LoginREQ& req, Client client) {
  const auto* known = clients_.find(client);
  if (request().from() || known == nullptr) return Status::refused;
  if (req.protocol() != proto::VersionNotStated) {
    gateway().set_protocol(client, std::min<std::uint32_t>(req.protocol(), proto::ProtocolVersion_MAX));
  }
  const auto alias = aliases_.find(req.platform());
  const std::string_view name = alias != aliases_.end() ? std::string_view(alias->second) : req.platform();
  const Visitor visitor{request(), client};
  for (login::Platform* platform :
       {static_cast<login::Platform*>(&guest_), static_cast<login::Platform*>(&password_)}) {
    if (!platform->is_named(name) || !platform->allowed()) continue;
    platform->begin(req, visitor, login::network_of(known->address()));
    return Status::ok;
  }
  refuse(visitor, proto::PlatformOff, "there is no such way to log in here", {});
  return Status::ok;
}

void Login::let_in(const Visitor& visitor, const std::string& uid) {
  if (auto* client = clients_.edit(visitor.client)) client->set_answer_by_ms((now() + agents_time).count());
  const auto game = directory().pick(settings().game_kind());
  const bool none = directory().list("agent").empty();
  ask_agents(visitor, game, uid, none ? proto::AgentNotFound : proto::AgentAddressError,
             none ? "no agent is up" : "no agent has an address for clients");
}

void Login::ask_agents(const Visitor& visitor, ServiceId game, const std::string& uid, proto::ResultCode why,
                       const std::string& text) {
  auto* client = clients_.edit(visitor.client);
  if (client == nullptr) return;  // it left
  proto::AgentInfoREQ req;
  req.set_game_kind(settings().game_kind());
  if (game) req.add_games(directory().name(game));
  const std::chrono::milliseconds left(client->answer_by_ms() - now().count());
  const ServiceId agent = left.count() > 0 ? next_agent(*client) : ServiceId();
  if (!agent) return refuse(visitor, why, text, {});
  const std::string id = directory().name(agent);
  client->add_asked(id);
  const bool last = !choice::Choice::any(directory(), "agent", may_ask(*client));
  const cellmesh::CallOptions options{.client = {}, .timeout = last ? left : std::min(left, agent_timeout)};
  if (call<&Login::on_agent>(options, agent, req, visitor, agent, game, uid) == Status::ok) return;
  agents_.failed(id, now());
  ask_agents(visitor, game, uid, proto::AgentNotFound, "the agent cannot be asked");
}

void Login::on_agent(const proto::AgentInfoACK& info, Status status, Visitor visitor, ServiceId agent, ServiceId game,
                     const std::string& uid) {
  if (status != Status::ok) {
    agents_.failed(directory().name(agent), now());
    return ask_agents(visitor, game, uid, proto::AgentNotFound, "the agent does not answer");
  }
  agents_.answered(directory().name(agent));
  const std::string game_id = info.chose_game() ? info.game() : directory().name(game);
  if (game_id.empty()) {
    const bool none = !game && !info.chose_game();
    return ask_agents(visitor, game, uid, proto::GameNotFound, none ? "no game is up" : "no agent reaches a game");
  }
  // A client that left meanwhile has no row; what it is told goes nowhere.
  const auto* client = clients_.find(visitor.client);
  const auto ways = login::ways_for({info.urls().begin(), info.urls().end()}, client ? client->address() : "");
  const auto* way =
      login::way_by(ways, client ? static_cast<cellmesh::Transport>(client->transport()) : cellmesh::Transport::tcp);
  if (way == nullptr) {
    return ask_agents(visitor, game, uid, proto::AgentAddressError, "the agent has no address for clients");
  }
  const std::int64_t now = since_1970::seconds();
  proto::LoginACK ack;
  ack.set_game_svc_id(game_id);
  ack.set_game_token(login::make_token(
      ring_.signer(), {uid, info.audience(), ack.game_svc_id(), now, now + std::int64_t{settings().token_sec()}}));
  ack.mutable_server()->set_ip(way->address.host);
  ack.mutable_server()->set_port(way->address.port);
  for (const auto& told : ways) ack.add_urls(told.url);
  ack.set_uid(uid);
  counter("logins").add();
  answer(visitor, ack);
}

void Login::refuse(const Visitor& visitor, proto::ResultCode why, const std::string& text,
                   std::chrono::milliseconds retry_after) {
  log().debug("a login failed with result {}: {}", why, text);
  counter("logins_failed").add();
  proto::LoginACK ack;
  ack.set_result(why);
  ack.set_text(text);
  ack.set_retry_after_ms(static_cast<std::uint32_t>(retry_after.count()));
  answer(visitor, ack);
}

void Login::answer(const Visitor& visitor, const proto::LoginACK& ack) {
  reply(visitor.asked, ack);
  clients().close(visitor.client, cellmesh::CloseReason::done);
}

ServiceId Login::next_agent(const proto::LoginClient& client) {
  return agents_.pick(directory(), "agent", now(), may_ask(client));
}

CELLMESH_PLUGIN(Login)
