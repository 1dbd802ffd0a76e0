#include <cstdlib>
#include <optional>

#include "cli/chat.hpp"
#include "cli/command.hpp"
#include "cli/text.hpp"
#include "cli/trust.hpp"
#include "discovery/consul_lookup.hpp"
#include "gateway/bootstrap.hpp"

namespace cm::cli {
namespace {

constexpr const char* kDefaultLogin = "127.0.0.1:8001";
constexpr std::uint16_t kLoginPort = 8001;

std::string from_env(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// The address of a login service that Consul says is up.
base::Result<std::string> find_login(const discovery::ConsulConfig& config) {
  const auto found = discovery::consul_lookup(config, "login");
  if (found.has_error()) return found.error();
  for (const auto& record : *found) {
    if (!record.draining && !record.public_address.empty()) return record.public_address;
  }
  return base::error("Consul at " + config.url + " knows of no login service in the mesh \"" + config.mesh +
                     "\"; start a host with the login plugin, or wait for it");
}

int run(const Arguments& arguments) {
  ChatConfig config;
  config.name = arguments.get("name", default_chat_name());
  const auto usage = [](const std::string& why) {
    fail(why);
    return kUsage;
  };
  if (const auto checked = check_chat_name(config.name); checked.has_error()) return usage(checked.error().text);
  if (arguments.has("login") && arguments.has("consul")) return usage("give --login or --consul, not both");
  if (arguments.has("consul")) {
    discovery::ConsulConfig consul;
    consul.url = arguments.get("consul");
    consul.token = from_env("CELLMESH_CONSUL_TOKEN");
    consul.ca_file = from_env("CELLMESH_CONSUL_CA");
    consul.mesh = arguments.get("mesh", gateway::Bootstrap().mesh);
    if (const auto checked = discovery::check_config(consul); checked.has_error()) return usage(checked.error().text);
    config.find_login = [consul] { return find_login(consul); };
  } else {
    const std::string wanted = arguments.get("login", kDefaultLogin);
    const bool url = wanted.find("://") != std::string::npos;
    const auto login = net::Address::parse(wanted, url ? std::nullopt : std::optional(kLoginPort));
    if (login.has_error()) return usage("--login: " + login.error().text);
    config.find_login = [text = login->text()] { return base::Result<std::string>(text); };
  }
  auto trust = tls_trust(arguments);
  if (!trust) return usage(trust.error().text);
  config.trust = std::move(*trust);
  return run_chat(std::move(config));
}

}  // namespace

Command chat_command() {
  Command command{
      .name = "chat",
      .arguments = "",
      .summary = "Joins the chat of a mesh, as a player.",
      .details =
          "Every line that you type goes to all players, theirs are shown. A connection that is lost is made "
          "again, what\n"
          "you type meanwhile is kept. Ctrl-D leaves.\n\n"
          "Input from a pipe or a file is sent line by line; ends when the last line has come back, and fails when "
          "one\n"
          "did not. The chat goes to standard output then, what else there is to say to standard error.\n",
      .flags = {{"login", "URL",
                 "Where the login service is: tcp://, tls://, ws:// or wss://HOST:PORT (tcp://127.0.0.1:8001)."},
                {"consul", "URL",
                 "Ask this Consul where the login service is; with the token of CELLMESH_CONSUL_TOKEN."},
                {"mesh", "NAME", "Name of the mesh in Consul (default)."},
                {"name", "UID", "Who you are (your user name and a number)."}},
      .run = run};
  const auto trust = trust_flags();
  command.flags.insert(command.flags.end(), trust.begin(), trust.end());
  return command;
}

}  // namespace cm::cli
