#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "discovery/consul.hpp"

namespace cm::gateway {

// What a host must know before it reaches Consul; all else stands in the KV. Paths are absolute.
struct Bootstrap {
  bool dev = false;        // embedded discovery, every plugin of the folder
  std::string consul_url;  // `http://127.0.0.1:8500`; empty exactly with `dev`
  std::string consul_token;
  std::string consul_token_file;  // read again when it changes; set only if consul_token is not
  std::string consul_ca;          // certificates that Consul's is checked with; empty: the system's
  std::string consul_cert;        // of this client; empty: none
  std::string consul_key;         // of consul_cert; set exactly with it
  std::string consul_datacenter;  // empty: that of Consul's agent
  std::string mesh = "default";
  std::string group = "dev";
  std::uint32_t index = 0;
  std::string name;  // of the host, unique in the mesh: `0@dev`
  std::string plugin_dir;
  std::optional<std::vector<std::string>> plugins;  // instead of the KV's list, or of the whole folder
  std::string admin_socket;
  std::string ready_file;                 // empty: none is written
  std::uint32_t require_ready = 0;        // seconds in which the host must be ready, or it ends; 0: no limit
  std::string link_listen = "127.0.0.1";  // IP address, or with a port: `10.0.0.5:7000`, `[::]:7000`
  std::string link_advertise;             // what other hosts are told, likewise; empty: where it listens
  std::uint32_t io_workers = 0;           // at least 1 once loaded
  std::string log_level = "info";
  std::string log_file;    // empty: stderr
  std::string audit_file;  // empty: the log
  std::uint32_t drain_seconds = 10;
  std::uint32_t login_port = 8001;  // with `dev`: of the login frontend; 0: any free one
  // With `dev`: of its WebSocket and the demo page; 0: any free one. Nothing: the one after login_port.
  std::optional<std::uint32_t> login_ws_port;
  // With `dev`: values of settings, by service and name, which hold until they are changed.
  std::map<std::string, std::map<std::string, std::string>> settings;
  bool settings_on_command_line = false;  // where other users of the machine may have read them
};

// One value of the bootstrap, as it is called in each of its sources.
struct BootstrapOption {
  std::string_view key;  // in the file, `consul.url` is `url` under `consul`
  std::string_view env;
  std::string_view flag;   // without its dashes; empty: none, since other users see a process's flags
  std::string_view value;  // what stands for it in the help; empty: a switch
  std::string_view help;
  bool path = false;
  base::Status (*apply)(Bootstrap& bootstrap, const std::string& value) = nullptr;
  bool secret = false;               // a refusal does not quote it
  std::string_view consul_env = {};  // what Consul's own tools call it; counts if nothing else says it
};
std::span<const BootstrapOption> bootstrap_options();

struct BootstrapInput {
  std::map<std::string, std::string, std::less<>> flags;  // by name; `bootstrap` is the file
  std::function<const char*(const char*)> env;            // getenv
  std::filesystem::path program;                          // plugins are looked for beside it
};

// Defaults, then CONSUL_* of the environment, then the bootstrap file, then CELLMESH_* of the environment, then flags:
// a later one wins. A refusal names the place (flag, variable, or file and line), what stands there, and what may. Each
// value is read as all that operators write (base::clean_text).
base::Result<Bootstrap> load_bootstrap(const BootstrapInput& input);

// How to talk to Consul, for commands: from flags and the environment, by the same rules.
base::Result<discovery::ConsulConfig> load_consul(const BootstrapInput& input);

// Returns what the name of a host must be, if this is not one.
base::Status check_host_name(const std::string& name);

// Returns the folder of plugins that belongs to this program: beside it in a build tree, or where the install put them.
base::Result<std::string> find_plugin_dir(const std::filesystem::path& program);

// What a bootstrap says of Consul.
discovery::ConsulConfig consul_config(const Bootstrap& bootstrap);

}  // namespace cm::gateway
