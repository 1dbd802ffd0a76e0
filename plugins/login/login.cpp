#include "login.hpp"

#include <algorithm>
#include <limits>
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

constexpr auto agent_timeout = 5s;

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
  constexpr std::string_view space = " \t";
  const auto trim = [&](std::string_view text) {
    const auto begin = text.find_first_not_of(space);
    if (begin == std::string_view::npos) return std::string_view();
    return text.substr(begin, text.find_last_not_of(space) - begin + 1);
  };
  std::map<std::string, std::string, std::less<>> aliases;
  for (std::string_view left = settings().platform_aliases(); !left.empty();) {
    const auto comma = left.find(',');
    const std::string_view entry = trim(left.substr(0, comma));
    left = comma == std::string_view::npos ? std::string_view() : left.substr(comma + 1);
    if (entry.empty()) continue;
    const auto equal = entry.find('=');
    if (equal == std::string_view::npos) return false;
    const std::string_view name = trim(entry.substr(0, equal));
    const std::string_view platform = trim(entry.substr(equal + 1));
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
  const auto agent = reachable_agent();
  if (!agent && directory().list("agent").empty()) return refuse(visitor, proto::AgentNotFound, "no agent is up", {});
  if (!agent) return refuse(visitor, proto::AgentAddressError, "no agent has an address for clients", {});
  const auto game = directory().pick(settings().game_kind());
  if (!game) return refuse(visitor, proto::GameNotFound, "no game is up", {});
  const cellmesh::CallOptions options{.client = {}, .timeout = agent_timeout};
  const Status sent = call<&Login::on_agent>(options, agent, proto::AgentInfoREQ(), visitor, agent, game, uid);
  if (sent != Status::ok) refuse(visitor, proto::AgentNotFound, "the agent cannot be asked", {});
}

void Login::on_agent(const proto::AgentInfoACK& info, Status status, Visitor visitor, ServiceId /*agent*/,
                     ServiceId game, const std::string& uid) {
  if (status != Status::ok) return refuse(visitor, proto::AgentNotFound, "the agent does not answer", {});
  // A client that left meanwhile has no row; what it is told goes nowhere.
  const auto* client = clients_.find(visitor.client);
  const auto ways = login::ways_for({info.urls().begin(), info.urls().end()}, client ? client->address() : "");
  const auto* way =
      login::way_by(ways, client ? static_cast<cellmesh::Transport>(client->transport()) : cellmesh::Transport::tcp);
  if (way == nullptr) return refuse(visitor, proto::AgentAddressError, "the agent has no address for clients", {});
  const std::int64_t now = since_1970::seconds();
  proto::LoginACK ack;
  ack.set_game_svc_id(directory().name(game));
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

ServiceId Login::reachable_agent() {
  const auto usable = [](const cellmesh::ServiceInfo& agent) { return !agent.public_address.empty(); };
  if (const auto picked = directory().get(directory().pick("agent")); picked && usable(*picked)) {
    return picked->service;
  }
  ServiceId best;
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (const auto& agent : directory().list("agent")) {
    const std::uint64_t load = agent.load.value_or(std::numeric_limits<std::uint64_t>::max() - 1);
    if (!usable(agent) || !agent.unhealthy.empty() || load >= least) continue;
    best = agent.service;
    least = load;
  }
  return best;
}

CELLMESH_PLUGIN(Login)
