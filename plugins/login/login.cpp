// Login: short-lived connections. A client is told which agent and game to go to, and is closed.
#include <cellmesh/plugin.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include "../frontend/listeners.hpp"
#include "address.hpp"
#include "page/page.hpp"

using cellmesh::Client;
using cellmesh::Status;

namespace {

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

// 128 random bits. Opaque: nobody reads it yet.
std::string random_token() {
  std::random_device random;
  std::string token;
  for (int word = 0; word < 4; ++word) {
    for (std::uint32_t bits = random(), nibble = 0; nibble < 8; ++nibble, bits >>= 4U) {
      token += "0123456789abcdef"[bits & 15U];
    }
  }
  return token;
}

}  // namespace

class Login : public cellmesh::Service<Login, proto::LoginSettings> {
 public:
  void start() {
    frontend::open(listeners(), frontend_options(settings()), settings(), page(settings()));
    for (const auto& listener : listeners().list()) log().info("clients log in at {}", listener.url);
  }

  void on_settings(const proto::LoginSettings& now) {
    if (const Status status = gateway().update(frontend_options(now)); status != Status::ok) {
      log().warn("the frontend keeps its limits: {}", status);
    }
    if (!frontend::update(listeners(), now, page(now))) log().warn("not all listeners took the new settings");
  }

  // The page may be another one.
  void resumed() { (void)frontend::update(listeners(), settings(), page(settings())); }

  void on(const proto::LoginREQ& /*req*/, Client client) {
    const proto::LoginACK ack = place();
    if (ack.result() != proto::NoError) log().warn("a login failed with result {}", ack.result());
    counter(ack.result() == proto::NoError ? "logins" : "logins_failed").add();
    reply(ack);
    clients().close(client, cellmesh::CloseReason::done);
  }

 private:
  // Where the client is to go, or why it cannot.
  proto::LoginACK place() {
    proto::LoginACK ack;
    if (!directory().pick("agent")) {
      ack.set_result(proto::AgentNotFound);
      return ack;
    }
    const auto agent = agent_address();
    if (!agent) {
      ack.set_result(proto::AgentAddressError);
      return ack;
    }
    const auto game = directory().pick("game");
    if (!game) {
      ack.set_result(proto::GameNotFound);
      return ack;
    }
    ack.set_result(proto::NoError);
    ack.mutable_server()->set_ip(agent->host);
    ack.mutable_server()->set_port(agent->port);
    ack.set_game_token(random_token());
    ack.set_game_svc_id(directory().name(game));
    return ack;
  }

  // Of the least-loaded agent; where that has none that clients could use, of the least-loaded that has.
  std::optional<login::Address> agent_address() {
    if (const auto picked = directory().get(directory().pick("agent"))) {
      if (auto address = login::parse_address(picked->public_address)) return address;
    }
    std::optional<login::Address> best;
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    for (const auto& agent : directory().list("agent")) {
      auto address = login::parse_address(agent.public_address);
      const std::uint64_t load = agent.load.value_or(std::numeric_limits<std::uint64_t>::max() - 1);
      if (!address || load >= least) continue;
      best = std::move(address);
      least = load;
    }
    return best;
  }
};

CELLMESH_PLUGIN(Login)
