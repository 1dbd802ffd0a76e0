#include "gateway/gateway.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include <sys/resource.h>
#include <boost/asio/post.hpp>

#include "base/host_port.hpp"
#include "base/log.hpp"
#include "discovery/consul.hpp"
#include "discovery/embedded.hpp"
#include "gateway/host_settings.hpp"
#include "net/address.hpp"

namespace cm::gateway {
namespace {

using std::chrono::milliseconds;

constexpr auto kTick = std::chrono::seconds(5);

auto logger() { return base::log(base::Room::gateway); }

std::int64_t steady_ms() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A client is a descriptor: take as many as the machine gives.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

}  // namespace

Gateway::Gateway(const Bootstrap& bootstrap)
    : bootstrap_(bootstrap),
      boot_(mesh::new_boot()),
      started_ms_(steady_ms()),
      self_{bootstrap.name, bootstrap.mesh, boot_, {}},
      folder_(bootstrap.plugin_dir, {.changed = [this](const std::string& file) { on_file_changed(file); },
                                     .gone = [this](const std::string& file) { on_file_gone(file); }}) {}

Gateway::~Gateway() = default;

int Gateway::run() {
  if (auto status = start(); !status) {
    logger().error("{}", status.error().text);
    return 1;
  }
  main_.run();
  stop();
  return exit_code_;
}

base::Status Gateway::start() {
  raise_descriptor_limit();
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) signals_.add(signal);
  await_signal();
  if (auto status = build(); !status) return status;
  begin_readiness();
  update_role({});
  for (auto& worker : workers_) worker->start();
  if (mesh_) {
    auto address = mesh_->start();
    if (!address) return address.error();
    self_.link_address = advertised_link(*address);
  }
  registrar_->start(self_);
  peers_ =
      std::make_unique<Peers>(*discovery_, self_,
                              Peers::Callbacks{[this](std::vector<discovery::ServiceRecord> records) {
                                                 if (mesh_) mesh_->set_peers(std::move(records));
                                               },
                                               [this](const discovery::ServiceRecord& record) { on_conflict(record); },
                                               [this](const discovery::ServiceRecord& record) { on_same_name(record); },
                                               [this] { boost::asio::post(main_, [this] { check_own_services(); }); }});
  admin_ = std::make_unique<admin::Server>(admin::ServerConfig{.path = bootstrap_.admin_socket}, commands());
  if (auto status = admin_->start(); !status) return status;
  logger().info("host {} starts mesh={} boot={} workers={} link={} admin={}", bootstrap_.name, bootstrap_.mesh, boot_,
                workers_.size(), self_.link_address.empty() ? "none" : self_.link_address, bootstrap_.admin_socket);
  discovery_->watch_access([this](const std::string& problem) { readiness_.set("consul", problem); });
  discovery_->start([this] { boost::asio::post(main_, [this] { on_discovery_ready(); }); });
  tick();
  return {};
}

base::Status Gateway::build() {
  for (unsigned i = 0; i < bootstrap_.io_workers; ++i) workers_.push_back(std::make_unique<net::IoWorker>(i));
  if (auto status = build_discovery(); !status) return status;
  settings_ =
      std::make_unique<discovery::Settings>(*discovery_, [this] { tasks_->run([this] { update_kinds(nullptr); }); });
  shared_kv_ = std::make_unique<plugin::SharedKv>(*discovery_);
  tasks_ = std::make_unique<TaskThread>();
  registrar_ = std::make_unique<Registrar>(registry_, *discovery_,
                                           [this] { boost::asio::post(main_, [this] { check_own_services(); }); });
  registry_.listen([this](auto event, auto refs) { registrar_->on_event(event, refs); });
  sessions_ = std::make_unique<session::Gateway>(workers_, registry_, routes_);
  if (!bootstrap_.dev) build_mesh();
  build_plugins();
  route_sync_ =
      std::make_unique<RouteSync>(*discovery_, routes_, [this] { tasks_->run([this] { update_kinds(nullptr); }); });
  return {};
}

base::Status Gateway::build_discovery() {
  if (bootstrap_.dev) {
    discovery_ = std::make_unique<discovery::EmbeddedDiscovery>();
    return {};
  }
  auto consul = discovery::ConsulDiscovery::make(consul_config(bootstrap_));
  if (!consul) return consul.error();
  discovery_ = std::move(*consul);
  return {};
}

std::string Gateway::advertised_link(const std::string& listening) const {
  auto at = base::HostPort::parse(listening).value();
  if (!bootstrap_.link_advertise.empty()) {
    const auto wanted = base::HostPort::parse(bootstrap_.link_advertise, std::uint16_t{0}).value();
    at = {wanted.host, wanted.port != 0 ? wanted.port : at.port};
  } else {
    at.host = net::own_addresses(at.host).front();
  }
  return at.text();
}

void Gateway::build_mesh() {
  mesh::Config config;
  config.name = bootstrap_.name;
  config.mesh = bootstrap_.mesh;
  config.boot = boot_;
  const auto listen = base::HostPort::parse(bootstrap_.link_listen, 0);
  config.listen_address = listen ? listen->host : bootstrap_.link_listen;
  config.listen_port = listen ? listen->port : std::uint16_t{0};
  config.on_refused = [](const mesh::Refused& refused) {
    logger().error("not linked to {}: {}", refused.host, refused.text);
  };
  std::vector<net::IoWorker*> workers;
  for (const auto& worker : workers_) workers.push_back(worker.get());
  mesh_ = std::make_unique<mesh::Mesh>(std::move(config), std::move(workers), registry_);
}

void Gateway::build_plugins() {
  plugin::PluginManagerConfig config;
  config.identity = {bootstrap_.name, bootstrap_.index, bootstrap_.group, bootstrap_.mesh, boot_};
  config.plugin_dir = bootstrap_.plugin_dir;
  config.patience.drain = std::chrono::seconds(bootstrap_.drain_seconds);
  if (bootstrap_.dev) {
    // Both next to each other, so that who asks for any port gets any.
    const std::uint32_t next =
        bootstrap_.login_port == 0 || bootstrap_.login_port == 65'535 ? 0 : bootstrap_.login_port + 1;
    config.setting_overrides["login"] = {{"port", std::to_string(bootstrap_.login_port)},
                                         {"ws_port", std::to_string(bootstrap_.login_ws_port.value_or(next))},
                                         {"demo_page", "true"},
                                         {"allow_guests", "true"},
                                         {"signing_key_file", "ephemeral"}};
    config.overrides_are_public = bootstrap_.settings_on_command_line;
    for (const auto& [service, values] : bootstrap_.settings) {
      for (const auto& [name, value] : values) config.setting_overrides[service].insert_or_assign(name, value);
    }
  }
  std::error_code ec;
  config.kv = shared_kv_.get();
  config.rehearsal_program = std::filesystem::read_symlink("/proc/self/exe", ec);
  plugin::PluginManagerHooks hooks;
  hooks.reloaded = [this](const plugin::Manifest& before, const plugin::Manifest& now) {
    for (const auto& kind : now.provides) route_sync_->replace(before.routes_of(kind), now.routes_of(kind));
  };
  hooks.settings_changed = [this](const std::string& name) { plugin_set_->retry(name); };
  hooks.faulty = [this](const std::string& name, std::uint64_t generation) {
    tasks_->run([this, name, generation] { (void)rollback_plugin(name, generation); });
  };
  plugins_ = std::make_unique<plugin::PluginManager>(std::move(config), registry_, *settings_, sessions_.get(),
                                                     std::move(hooks));
  PluginSet::Actions actions;
  actions.load = [this](const WantedPlugin& plugin) { return load_plugin(plugin); };
  actions.unload = [this](const std::string& name) { return unload_plugin(name); };
  actions.reload = [this](const WantedPlugin& plugin) -> PluginSet::Outcome {
    const auto file = plugin_file(plugin);
    if (!file) return file.error();
    return {reload_plugin(plugin.name, *file).status, true};
  };
  actions.loaded = [this] {
    std::vector<WantedPlugin> all;
    for (const auto& info : plugins_->list()) all.push_back({info.manifest.name, info.manifest.version});
    return all;
  };
  actions.file_state = [this](const WantedPlugin& plugin) { return file_state(plugin); };
  actions.forget = [this](const std::string& name) { plugins_->forget_refused(name); };
  actions.changed = [this] {
    // Behind what the services of a new plugin reported.
    boost::asio::post(main_, [this] {
      readiness_.set("plugins", plugin_set_->missing());
      on_readiness();  // there may be other frontends now
    });
  };
  plugin_set_ = std::make_unique<PluginSet>(*tasks_, std::move(actions));
}

milliseconds Gateway::uptime() const { return milliseconds(steady_ms() - started_ms_); }

void Gateway::on_discovery_ready() {
  discovery_known_ = true;
  readiness_.clear("discovery");
  route_sync_->start();
  const std::string service(discovery::kHostSettings);
  discovery::SettingValues overrides{{"log", bootstrap_.log_level}};
  if (const auto set = bootstrap_.settings.find(service); set != bootstrap_.settings.end()) {
    for (const auto& [name, value] : set->second) overrides.insert_or_assign(name, value);
  }
  // Its name, which is its own: an index is shared by all hosts that were given none.
  settings_->declare(
      service, bootstrap_.name, host_setting_fields(), std::move(overrides),
      [this](const discovery::Settings::Change& change) { apply_host_settings(change); },
      fmt::format("{}@{}", bootstrap_.index, bootstrap_.group));
  watch_wanted_plugins();
}

void Gateway::apply_host_settings(const discovery::Settings::Change& change) {
  if (auto status = base::set_log_levels(change.values.at("log")); !status) {
    logger().warn("the setting host/log is refused: {}; the old levels stay", status.error().text);
  }
  const auto number = [&](const char* name) { return std::stoull(change.values.at(name)); };
  plugins_->set_probation({std::chrono::seconds(number("probation_sec")), number("probation_faults")});
  folder_.set_absence(std::chrono::seconds(number("plugin_absence_sec")));
  auto rule = LinkRule::parse(change.values.at("link_rule"), bootstrap_.group);
  if (rule) {
    peers_->set_rule(std::move(*rule));
  } else {
    logger().warn("the setting host/link_rule is refused: {}; the old one stays", rule.error().text);
  }
}

void Gateway::fail(const std::string& why) {
  boost::asio::post(main_, [this, why] {
    logger().error("{}", why);
    exit_code_ = 1;
    main_.stop();
  });
}

// SIGUSR1 too, by which other servers open their logs again: a mistaken signal ends no host.
void Gateway::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& ec, int signal) {
    if (ec) return;
    const std::string name = "SIG" + std::string(::sigabbrev_np(signal));
    if (signal == SIGTERM || signal == SIGINT) {
      logger().info("stopping signal={}", name);
      main_.stop();
      return;
    }
    if (signal == SIGUSR2) {
      logger().warn("ignored: a host does nothing on this signal; SIGHUP reopens its logs signal={}", name);
    } else {
      base::reopen_logs();
      logger().info("logs reopened signal={}", name);
    }
    await_signal();
  });
}

void Gateway::tick() {
  tick_.expires_after(kTick);
  tick_.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    base::look_after_logs();
    registrar_->refresh_loads();
    settings_->reread_secrets();
    if (!ready_) say_not_ready();
    tasks_->run([this] { plugins_->sweep(); });
    tick();
  });
}

// Nothing that was accepted is lost: others hear first that they shall send no more, what is on its way then is still
// handled, and only then do services stop, last loaded first.
void Gateway::stop() {
  remove_ready_file();
  if (admin_) admin_->stop();
  folder_.stop();
  if (registrar_) registrar_->withdraw();
  const auto services = registry_.snapshot();
  for (const auto& entry : services->entries) {
    if (entry.host.empty() && entry.clients) sessions_->stop_accepting(entry.ref);
  }
  clean_ = !plugins_ || plugins_->stop_all();  // interrupts a load that waits
  if (tasks_) tasks_->stop();
  if (discovery_) discovery_->stop();
  if (mesh_) mesh_->stop();
  if (sessions_) sessions_->stop();
  for (auto& worker : workers_) worker->stop();
  logger().info("stopped");
  base::look_after_logs(true);
}

int run_host(const Bootstrap& bootstrap) {
  // Until it is waited for: a terminal that closes, or a rotation, ends no host.
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2}) (void)std::signal(signal, SIG_IGN);
  auto status = base::init_log(bootstrap.log_level, bootstrap.log_file);
  if (status) status = base::init_audit(bootstrap.audit_file);
  if (!status) {
    logger().error("{}", status.error().text);
    return 1;
  }
  Gateway gateway(bootstrap);
  const int exit_code = gateway.run();
  if (!gateway.clean()) {
    // A plugin's hook hangs; its thread cannot be ended, and destroying what it stands on would crash.
    std::_Exit(1);
  }
  if (gateway.left_threads()) {
    // They run on, and exit() would destroy what they use.
    base::look_after_logs(true);
    std::_Exit(exit_code);
  }
  return exit_code;
}

}  // namespace cm::gateway
