#include "cli/login_flags.hpp"

#include <cstdlib>
#include <string>
#include <utility>

#include "base/operator_text.hpp"
#include "discovery/consul_lookup.hpp"
#include "gateway/bootstrap.hpp"

namespace cm::cli {
namespace {

using LoginFinder = std::function<base::Result<net::Address>()>;

std::string from_env(const char* name) {
  const char* value = std::getenv(name);
  return std::string(base::trimmed(value != nullptr ? value : ""));
}

// The address of a login service that Consul says is up.
base::Result<net::Address> look_up(const discovery::ConsulConfig& config) {
  const auto found = discovery::consul_lookup(config, "login");
  if (!found) return found.error();
  for (const auto& record : *found) {
    if (!record.draining && record.unhealthy.empty() && !record.public_address.empty())
      return net::Address::parse(record.public_address);
  }
  return base::error("Consul at " + config.url + " knows of no login service in the mesh \"" + config.mesh +
                     "\"; start a host with the login plugin, or wait for it");
}

base::Result<LoginFinder> login_finder(const Arguments& arguments, std::optional<std::uint16_t> default_port) {
  if (arguments.has("login") && arguments.has("consul")) return base::error("give --login or --consul, not both");
  if (!arguments.has("consul")) {
    const std::string wanted = arguments.get("login", kDefaultLogin);
    const bool url = wanted.find("://") != std::string::npos;
    const auto login = net::Address::parse(wanted, url ? std::nullopt : default_port);
    if (!login) return base::error("--login: " + login.error().text);
    return [to = *login] { return base::Result<net::Address>(to); };
  }
  discovery::ConsulConfig consul;
  consul.url = arguments.get("consul");
  consul.token = from_env("CELLMESH_CONSUL_TOKEN");
  consul.ca_file = from_env("CELLMESH_CONSUL_CA");
  consul.mesh = arguments.get("mesh", gateway::Bootstrap().mesh);
  if (const auto checked = discovery::check_config(consul); !checked) return checked.error();
  return [consul] { return look_up(consul); };
}

base::Result<net::TlsTrust> tls_trust(const Arguments& arguments) {
  net::TlsTrust trust{.ca = arguments.get("ca"), .verify = !arguments.on("insecure")};
  if (trust.ca.empty()) return trust;
  if (!trust.verify) return base::error("give --ca or --insecure, not both");
  if (const auto opened = net::TlsClient::open(trust); !opened) return base::error("--ca: " + opened.error().text);
  return trust;
}

}  // namespace

std::vector<Flag> login_flags() {
  return {
      {"login", "URL", "Where the login service is: tcp://, tls://, ws:// or wss://HOST:PORT (tcp://127.0.0.1:8001)."},
      {"consul", "URL", "Ask this Consul where the login service is; with the token of CELLMESH_CONSUL_TOKEN."},
      {"mesh", "NAME", "Name of the mesh in Consul (default)."},
      {"ca", "FILE", "Trust servers by the certificates in this PEM file, in place of the system's roots."},
      {"insecure", "", "Trust whoever answers, whatever its certificate."}};
}

base::Result<WayIn> way_in(const Arguments& arguments, std::optional<std::uint16_t> default_port) {
  auto login = login_finder(arguments, default_port);
  if (!login) return login.error();
  auto trust = tls_trust(arguments);
  if (!trust) return trust.error();
  return WayIn{.find_login = std::move(*login), .trust = std::move(*trust)};
}

}  // namespace cm::cli
