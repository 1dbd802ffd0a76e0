#include "cli/login_flags.hpp"

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "discovery/consul_lookup.hpp"
#include "gateway/bootstrap.hpp"

namespace cm::cli {
namespace {

using LoginFinder = std::function<base::Result<net::Address>()>;

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
  // The bootstrap file is a host's.
  auto consul =
      gateway::load_consul({.flags = arguments.flags,
                            .env = [](const char* name) -> const char* {
                              return std::strcmp(name, "CELLMESH_BOOTSTRAP") == 0 ? nullptr : std::getenv(name);
                            },
                            .program = {}});
  if (!consul) return consul.error();
  consul->mesh = arguments.get("mesh", gateway::Bootstrap().mesh);
  return [config = std::move(*consul)] { return look_up(config); };
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
  std::vector<Flag> flags{
      {"login", "URL", "Where the login service is: tcp://, tls://, ws:// or wss://HOST:PORT (tcp://127.0.0.1:8001)."},
      {"consul", "URL", "Ask this Consul where the login service is; with the token of CELLMESH_CONSUL_TOKEN."}};
  for (const auto& option : gateway::bootstrap_options()) {
    if (option.flag.starts_with("consul-"))
      flags.push_back({std::string(option.flag), std::string(option.value), std::string(option.help)});
  }
  flags.insert(flags.end(),
               {{"mesh", "NAME", "Name of the mesh in Consul (default)."},
                {"ca", "FILE", "Trust servers by the certificates in this PEM file, in place of the system's roots."},
                {"insecure", "", "Trust whoever answers, whatever its certificate."}});
  return flags;
}

base::Result<WayIn> way_in(const Arguments& arguments, std::optional<std::uint16_t> default_port) {
  auto login = login_finder(arguments, default_port);
  if (!login) return login.error();
  auto trust = tls_trust(arguments);
  if (!trust) return trust.error();
  return WayIn{.find_login = std::move(*login), .trust = std::move(*trust)};
}

}  // namespace cm::cli
