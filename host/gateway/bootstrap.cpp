#include "gateway/bootstrap.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <thread>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "admin/socket_dir.hpp"
#include "base/host_port.hpp"
#include "base/operator_text.hpp"
#include "gateway/bootstrap_yaml.hpp"
#include "gateway/plugin_set.hpp"

namespace cm::gateway {
namespace fs = std::filesystem;
using base::error;
using base::Status;

namespace {

constexpr std::string_view kNoConsul =
    "say where Consul is: --consul http://127.0.0.1:8500; or try --dev, which needs none";

// Each says what the value must be; the caller adds where it stands.

Status read_bool(bool& out, std::string_view text) {
  if (text != "true" && text != "false") return error("must be true or false");
  out = text == "true";
  return {};
}

Status read_number(std::uint32_t& out, std::string_view text, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size() || number > most) {
    return error("must be a whole number from 0 to " + std::to_string(most));
  }
  out = number;
  return {};
}

bool is_word(std::string_view text, std::size_t most, std::string_view others = "") {
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || others.find(c) != std::string_view::npos;
  });
}

Status read_word(std::string& out, const std::string& text) {
  if (!is_word(text, 64)) return error("must be 1 to 64 letters, digits, '_', '.' or '-'");
  out = text;
  return {};
}

Status read_host_name(std::string& out, const std::string& text) {
  if (!is_word(text, 100, "@")) return error("must be 1 to 100 letters, digits, '_', '.', '-' or '@', such as 0@dev");
  out = text;
  return {};
}

Status read_url(std::string& out, const std::string& text) {
  static constexpr std::string_view kWanted =
      "must be an address such as http://127.0.0.1:8500 or https://consul.example.org:8501";
  std::string_view rest = text;
  std::string scheme = "http://";
  if (const auto end = rest.find("://"); end != std::string_view::npos) {
    scheme = std::string(rest.substr(0, end + 3));
    rest.remove_prefix(end + 3);
    if (scheme != "http://" && scheme != "https://") return error(std::string(kWanted));
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const auto address = base::HostPort::parse(rest, scheme == "https://" ? 443 : 8500);
  if (address.has_error() || address->port == 0) return error(std::string(kWanted));
  out = scheme + address->text();
  return {};
}

Status read_token(std::string& out, const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain || text.size() > 1024) return error("must be a Consul token: printable and without spaces");
  out = text;
  return {};
}

Status read_listen(std::string& out, const std::string& text) {
  const auto address = base::HostPort::parse(text, 0);
  boost::system::error_code ec;
  if (address.has_value()) boost::asio::ip::make_address(address->host, ec);
  if (address.has_error() || ec)
    return error("must be an IP address of this machine, or one with a port: 10.0.0.5 or 10.0.0.5:7000");
  out = text;
  return {};
}

Status read_advertise(std::string& out, const std::string& text) {
  const auto address = base::HostPort::parse(text, 0);
  boost::system::error_code ec;
  const auto ip = address ? boost::asio::ip::make_address(address->host, ec) : boost::asio::ip::address();
  if (!address || ec || ip.is_unspecified())
    return error("must be an IP address that other hosts reach, or one with a port: 203.0.113.5 or 203.0.113.5:7000");
  out = text;
  return {};
}

Status read_existing_file(std::string& out, const std::string& text) {
  std::error_code ec;
  if (!fs::is_regular_file(text, ec)) return error("must be a file that exists");
  out = text;
  return {};
}

Status read_existing_dir(std::string& out, const std::string& text) {
  std::error_code ec;
  if (!fs::is_directory(text, ec)) return error("must be a folder that exists");
  out = text;
  return {};
}

// A file that may come later.
Status read_any_file(std::string& out, const std::string& text) {
  std::error_code ec;
  if (text.empty() || fs::is_directory(text, ec)) return error("must be a file");
  out = text;
  return {};
}

// A file that is going to be written.
Status read_new_file(std::string& out, const std::string& text) {
  std::error_code ec;
  if (!fs::is_directory(fs::path(text).parent_path(), ec)) return error("must be a file in a folder that exists");
  if (fs::is_directory(text, ec)) return error("must be a file, and is a folder");
  out = text;
  return {};
}

Status read_socket(std::string& out, const std::string& text) {
  if (auto checked = admin::check_socket_path(text); checked.has_error())
    return error("cannot be used: " + checked.error().text);
  return read_new_file(out, text);
}

Status read_plugins(std::optional<std::vector<std::string>>& out, const std::string& text) {
  auto names = PluginSet::parse(text);
  if (names.has_error()) return error("has a wrong name in it: " + names.error().text);
  out = std::move(*names);
  return {};
}

// `agent/transports=tcp,tls; login/port=0`
Status read_settings(std::map<std::string, std::map<std::string, std::string>>& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t semicolon = text.find(';');
    const std::string_view one = base::trimmed(text.substr(0, semicolon));
    text = semicolon == std::string_view::npos ? std::string_view() : text.substr(semicolon + 1);
    if (one.empty()) continue;
    const std::size_t equals = one.find('=');
    const auto name = base::clean_text(one.substr(0, equals));
    const std::size_t slash = name ? name->find('/') : 0;
    if (equals == std::string_view::npos || slash == 0 || slash >= name->size() - 1) {
      return error("must be settings such as agent/heartbeat_sec=10; login/timeout_sec=5");
    }
    auto value = base::clean_text(one.substr(equals + 1), base::TextForm::line_or_pem);
    if (!value) return error("has a bad value of " + *name + ": " + value.error().text);
    out[name->substr(0, slash)][name->substr(slash + 1)] = std::move(*value);
  }
  return {};
}

constexpr BootstrapOption kOptions[]{
    {"dev", "CELLMESH_DEV", "dev", "", "Run alone: no Consul, every plugin of the folder, login on port 8001.", false,
     [](Bootstrap& b, const std::string& v) { return read_bool(b.dev, v); }},
    {"login_port", "CELLMESH_LOGIN_PORT", "login-port", "PORT",
     "With --dev: port of the login frontend; 0: any free one (8001).", false,
     [](Bootstrap& b, const std::string& v) { return read_number(b.login_port, v, 65535); }},
    {"login_ws_port", "CELLMESH_LOGIN_WS_PORT", "login-ws-port", "PORT",
     "With --dev: port of login's WebSocket and the demo page; 0: any free one (the one after login's: 8002).", false,
     [](Bootstrap& b, const std::string& v) { return read_number(b.login_ws_port.emplace(), v, 65535); }},
    {"set", "CELLMESH_SET", "set", "SETTINGS",
     "With --dev: values of settings, agent/transports=tcp,tls; login/port=0.", false,
     [](Bootstrap& b, const std::string& v) { return read_settings(b.settings, v); }, true},
    {"consul.url", "CELLMESH_CONSUL", "consul", "URL", "Where Consul is, such as http://127.0.0.1:8500.", false,
     [](Bootstrap& b, const std::string& v) { return read_url(b.consul_url, v); }},
    {"consul.token", "CELLMESH_CONSUL_TOKEN", "", "TOKEN", "Consul's ACL token.", false,
     [](Bootstrap& b, const std::string& v) { return read_token(b.consul_token, v); }, true, "CONSUL_HTTP_TOKEN"},
    {"consul.token_file", "CELLMESH_CONSUL_TOKEN_FILE", "consul-token-file", "FILE",
     "File of Consul's ACL token; read again when it changes.", true,
     [](Bootstrap& b, const std::string& v) { return read_any_file(b.consul_token_file, v); }, false,
     "CONSUL_HTTP_TOKEN_FILE"},
    {"consul.ca", "CELLMESH_CONSUL_CA", "consul-ca", "FILE", "Certificates that Consul's own is checked with (PEM).",
     true, [](Bootstrap& b, const std::string& v) { return read_existing_file(b.consul_ca, v); }, false,
     "CONSUL_CACERT"},
    {"consul.cert", "CELLMESH_CONSUL_CERT", "consul-cert", "FILE",
     "Certificate to show to Consul (PEM); read again when it changes.", true,
     [](Bootstrap& b, const std::string& v) { return read_existing_file(b.consul_cert, v); }, false,
     "CONSUL_CLIENT_CERT"},
    {"consul.key", "CELLMESH_CONSUL_KEY", "consul-key", "FILE", "Private key of that certificate (PEM).", true,
     [](Bootstrap& b, const std::string& v) { return read_existing_file(b.consul_key, v); }, false,
     "CONSUL_CLIENT_KEY"},
    {"consul.datacenter", "CELLMESH_CONSUL_DATACENTER", "consul-datacenter", "NAME",
     "Datacenter of the catalog and the KV (that of Consul's agent).", false,
     [](Bootstrap& b, const std::string& v) { return read_word(b.consul_datacenter, v); }},
    {"mesh", "CELLMESH_MESH", "mesh", "NAME", "Name of the mesh; hosts of different ones do not link (default).", false,
     [](Bootstrap& b, const std::string& v) { return read_word(b.mesh, v); }},
    {"group", "CELLMESH_GROUP", "group", "NAME", "Group of this host's services: game#0@GROUP (dev).", false,
     [](Bootstrap& b, const std::string& v) { return read_word(b.group, v); }},
    {"index", "CELLMESH_INDEX", "index", "N", "Index of this host's services: game#N@dev (0).", false,
     [](Bootstrap& b, const std::string& v) { return read_number(b.index, v, 999'999'999); }},
    {"name", "CELLMESH_NAME", "name", "NAME",
     "Name of the host, its own in the mesh (index@group; with --plugins: plugins.index@group).", false,
     [](Bootstrap& b, const std::string& v) { return read_host_name(b.name, v); }},
    {"plugin_dir", "CELLMESH_PLUGIN_DIR", "plugin-dir", "DIR",
     "Folder of the plugins (the one installed with this program).", true,
     [](Bootstrap& b, const std::string& v) { return read_existing_dir(b.plugin_dir, v); }},
    {"plugins", "CELLMESH_PLUGINS", "plugins", "A,B", "Load these plugins, instead of those that the KV names.", false,
     [](Bootstrap& b, const std::string& v) { return read_plugins(b.plugins, v); }},
    {"admin_socket", "CELLMESH_ADMIN_SOCKET", "admin-socket", "PATH",
     "Socket for `cellmesh ctl` (one that it finds by itself).", true,
     [](Bootstrap& b, const std::string& v) { return read_socket(b.admin_socket, v); }},
    {"ready_file", "CELLMESH_READY_FILE", "ready-file", "PATH",
     "Write this file, as JSON, while the host is ready; it is removed while the host is not, and at the end.", true,
     [](Bootstrap& b, const std::string& v) { return read_new_file(b.ready_file, v); }},
    {"require_ready", "CELLMESH_REQUIRE_READY", "require-ready", "SECONDS",
     "End with exit code 1 if the host is not ready by then; 0: wait for ever (0).", false,
     [](Bootstrap& b, const std::string& v) { return read_number(b.require_ready, v, 86'400); }},
    {"link_listen", "CELLMESH_LINK_LISTEN", "link-listen", "ADDR",
     "Address for links of other hosts, with or without port (127.0.0.1).", false,
     [](Bootstrap& b, const std::string& v) { return read_listen(b.link_listen, v); }},
    {"link_advertise", "CELLMESH_LINK_ADVERTISE", "link-advertise", "ADDR",
     "Address that other hosts are told to link to, with or without port: behind NAT, in a container (the one it "
     "listens on).",
     false, [](Bootstrap& b, const std::string& v) { return read_advertise(b.link_advertise, v); }},
    {"io_workers", "CELLMESH_IO_WORKERS", "io-workers", "N", "Threads for the network; 0: half of the cores (0).",
     false, [](Bootstrap& b, const std::string& v) { return read_number(b.io_workers, v, 256); }},
    {"log_level", "CELLMESH_LOG_LEVEL", "log-level", "LEVELS", "Log levels, such as debug or info,mesh=trace (info).",
     false,
     [](Bootstrap& b, const std::string& v) {
       b.log_level = v;  // base::init_log checks it
       return Status();
     }},
    {"log_file", "CELLMESH_LOG_FILE", "log-file", "PATH",
     "Log there instead of to standard error. SIGHUP opens it again, after rotation.", true,
     [](Bootstrap& b, const std::string& v) { return read_new_file(b.log_file, v); }},
    {"audit_file", "CELLMESH_AUDIT_FILE", "audit-file", "PATH",
     "Write audit records (of money) there instead of into the log. SIGHUP opens it again.", true,
     [](Bootstrap& b, const std::string& v) { return read_new_file(b.audit_file, v); }},
    {"drain_seconds", "CELLMESH_DRAIN_SECONDS", "drain-seconds", "N",
     "Seconds that a stop waits for clients to be served (10).", false,
     [](Bootstrap& b, const std::string& v) { return read_number(b.drain_seconds, v, 3600); }},
};

enum class Rank : std::uint8_t { consul_environment, file, environment, flag };
struct Given : BootstrapValue {
  Rank rank = Rank::file;
};
using Layers = std::map<std::string_view, Given>;  // by key; the source that wins

std::string absolute(const std::string& path, const fs::path& from) {
  return path.empty() ? path : (from / path).lexically_normal().string();
}

// As its author meant it.
base::Result<std::string> clean(const BootstrapOption& option, const std::string& text, const std::string& place) {
  auto good = base::clean_text(text, option.key == "set" ? base::TextForm::lines : base::TextForm::line);
  if (!good) return error(place + ": " + good.error().text);
  return good;
}

base::Result<Layers> collect(const BootstrapInput& input) {
  Layers layers;
  const char* file_of_env = input.env("CELLMESH_BOOTSTRAP");
  std::string file(base::trimmed(file_of_env != nullptr ? file_of_env : ""));
  if (const auto flag = input.flags.find("bootstrap"); flag != input.flags.end()) file = flag->second;
  const fs::path here = fs::current_path();
  const auto lay = [&](const BootstrapOption& option, const char* given, const std::string& place,
                       Rank rank) -> Status {
    if (given == nullptr) return {};
    const auto text = clean(option, given, place);
    if (!text) return text.error();
    if (text->empty() && rank != Rank::flag) return {};
    layers[option.key] = {{option.path ? absolute(*text, here) : *text, place}, rank};
    return {};
  };
  for (const auto& option : kOptions) {
    if (option.consul_env.empty()) continue;
    const std::string name(option.consul_env);
    if (auto laid = lay(option, input.env(name.c_str()), name, Rank::consul_environment); !laid) return laid.error();
  }
  if (!file.empty()) {
    std::vector<std::string_view> keys;
    for (const auto& option : kOptions) keys.push_back(option.key);
    auto values = read_bootstrap_yaml(file, keys);
    if (values.has_error()) return values.error();
    const fs::path folder = fs::path(absolute(file, here)).parent_path();
    for (const auto& option : kOptions) {
      const auto value = values->find(std::string(option.key));
      if (value == values->end()) continue;
      auto text = clean(option, value->second.text, value->second.place);
      if (!text) return text.error();
      value->second.text = option.path ? absolute(*text, folder) : *text;
      layers[option.key] = {value->second, Rank::file};
    }
  }
  for (const auto& option : kOptions) {
    if (auto laid = lay(option, input.env(std::string(option.env).c_str()), std::string(option.env), Rank::environment);
        !laid)
      return laid.error();
    const auto flag = input.flags.find(option.flag);
    if (option.flag.empty() || flag == input.flags.end()) continue;
    if (auto laid = lay(option, flag->second.c_str(), "--" + std::string(option.flag), Rank::flag); !laid)
      return laid.error();
  }
  // What Consul's own tools are told does not concern a host without it, nor its TLS one that talks plainly.
  const auto url = layers.find("consul.url");
  const bool tls = url != layers.end() && url->second.text.starts_with("https://");
  std::erase_if(layers, [&](const auto& layer) {
    const bool of_tls = layer.first == "consul.ca" || layer.first == "consul.cert" || layer.first == "consul.key";
    return layer.second.rank == Rank::consul_environment && (url == layers.end() || (of_tls && !tls));
  });
  return layers;
}

// Either --dev or Consul: the one that was said nearer to the command.
Status settle_discovery(Bootstrap& bootstrap, const Layers& layers) {
  if (bootstrap.dev && !bootstrap.consul_url.empty()) {
    const Given& dev = layers.at("dev");
    const Given& consul = layers.at("consul.url");
    if (dev.rank == consul.rank) {
      return error(dev.place + " runs without Consul, but " + consul.place +
                   " says where it is; leave one of them out");
    }
    if (dev.rank > consul.rank) {
      bootstrap.consul_url.clear();
    } else {
      bootstrap.dev = false;
    }
  }
  if (!bootstrap.dev && bootstrap.consul_url.empty())
    return error("this host has no way to find others; " + std::string(kNoConsul));
  if (!bootstrap.dev && !bootstrap.settings.empty())
    return error(layers.at("set").place +
                 " is for --dev; with Consul, settings stand in its KV: cellmesh ctl settings");
  return {};
}

// A token or its file, whichever was said nearer to the command; a certificate with its key.
Status settle_consul(Bootstrap& bootstrap, const Layers& layers) {
  if (!bootstrap.consul_token.empty() && !bootstrap.consul_token_file.empty()) {
    const Given& token = layers.at("consul.token");
    const Given& file = layers.at("consul.token_file");
    // Consul's own tools prefer the file.
    if (token.rank == file.rank && token.rank != Rank::consul_environment)
      return error(token.place + " and " + file.place + " both give a token for Consul; leave one of them out");
    (token.rank > file.rank ? bootstrap.consul_token_file : bootstrap.consul_token).clear();
  }
  for (const auto& [one, other] : {std::pair("consul.cert", "consul.key"), std::pair("consul.key", "consul.cert")}) {
    if (!layers.contains(one) || layers.contains(other)) continue;
    const bool cert = std::string_view(one) == "consul.cert";
    return error(layers.at(one).place + " needs " +
                 (cert ? "the private key of that certificate: --consul-key FILE"
                       : "the certificate of that key: --consul-cert FILE"));
  }
  return {};
}

// `0@dev`, whose plugins the KV names; hosts that were given their plugins may share an index, as their services do not
// collide: `agent.0@dev`, `game.0@dev`.
std::string default_name(const Bootstrap& bootstrap) {
  static constexpr std::size_t kMostPlugins = 3;
  const std::string place = std::to_string(bootstrap.index) + "@" + bootstrap.group;
  if (bootstrap.dev || !bootstrap.plugins || bootstrap.plugins->empty()) return place;
  const auto& names = *bootstrap.plugins;
  std::string name = names[0].substr(0, 20);
  for (std::size_t i = 1; i < std::min(names.size(), kMostPlugins); ++i) name += "-" + names[i].substr(0, 20);
  if (names.size() > kMostPlugins) name += "-and-" + std::to_string(names.size() - kMostPlugins);
  return name + "." + place;
}

// Takes over the values of all options whose keys begin with `prefix`.
Status apply(Bootstrap& bootstrap, const Layers& layers, std::string_view prefix) {
  for (const auto& option : kOptions) {
    const auto given = layers.find(option.key);
    if (given == layers.end() || !option.key.starts_with(prefix)) continue;
    if (auto applied = option.apply(bootstrap, given->second.text); applied.has_error()) {
      return error(given->second.place + (option.secret ? "" : " is \"" + given->second.text + "\", and") + " " +
                   applied.error().text);
    }
  }
  return {};
}

}  // namespace

std::span<const BootstrapOption> bootstrap_options() { return kOptions; }

base::Result<Bootstrap> load_bootstrap(const BootstrapInput& input) {
  const auto layers = collect(input);
  if (layers.has_error()) return layers.error();
  Bootstrap bootstrap;
  if (auto applied = apply(bootstrap, *layers, ""); applied.has_error()) return applied.error();
  if (auto settled = settle_consul(bootstrap, *layers); settled.has_error()) return settled.error();
  const auto set = layers->find("set");
  bootstrap.settings_on_command_line = set != layers->end() && set->second.rank == Rank::flag;
  if (auto settled = settle_discovery(bootstrap, *layers); settled.has_error()) return settled.error();
  if (bootstrap.plugin_dir.empty()) {
    auto found = find_plugin_dir(input.program);
    if (!found) return found.error();
    bootstrap.plugin_dir = std::move(*found);
  }
  if (bootstrap.name.empty()) bootstrap.name = default_name(bootstrap);
  if (bootstrap.admin_socket.empty()) bootstrap.admin_socket = admin::default_socket_path();
  if (bootstrap.io_workers == 0) bootstrap.io_workers = std::max(1U, std::thread::hardware_concurrency() / 2);
  return bootstrap;
}

base::Status check_host_name(const std::string& name) {
  std::string out;
  return read_host_name(out, name);
}

base::Result<std::string> find_plugin_dir(const fs::path& program) {
  const fs::path folder = program.parent_path();
  const std::array<fs::path, 2> places{folder / "../plugins", folder / ".." / CELLMESH_LIBDIR / "cellmesh/plugins"};
  for (const fs::path& place : places) {
    std::error_code ec;
    if (fs::is_directory(place, ec)) return place.lexically_normal().string();
  }
  return error("there is no folder of plugins at " + places[0].lexically_normal().string() + " or " +
               places[1].lexically_normal().string() + "; say where they are with --plugin-dir");
}

base::Result<discovery::ConsulConfig> load_consul(const BootstrapInput& input) {
  const auto layers = collect(input);
  if (layers.has_error()) return layers.error();
  Bootstrap bootstrap;
  if (auto applied = apply(bootstrap, *layers, "consul."); applied.has_error()) return applied.error();
  if (auto settled = settle_consul(bootstrap, *layers); settled.has_error()) return settled.error();
  auto config = consul_config(bootstrap);
  if (const auto checked = discovery::check_config(config); !checked) return checked.error();
  return config;
}

discovery::ConsulConfig consul_config(const Bootstrap& bootstrap) {
  discovery::ConsulConfig config;
  config.url = bootstrap.consul_url;
  config.token = bootstrap.consul_token;
  config.token_file = bootstrap.consul_token_file;
  config.ca_file = bootstrap.consul_ca;
  config.cert_file = bootstrap.consul_cert;
  config.key_file = bootstrap.consul_key;
  config.datacenter = bootstrap.consul_datacenter;
  config.mesh = bootstrap.mesh;
  return config;
}

}  // namespace cm::gateway
