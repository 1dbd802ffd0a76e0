#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>

#include "admin/server.hpp"
#include "discovery/discovery.hpp"
#include "discovery/settings.hpp"
#include "gateway/bootstrap.hpp"
#include "gateway/folder_watch.hpp"
#include "gateway/peers.hpp"
#include "gateway/plugin_set.hpp"
#include "gateway/readiness.hpp"
#include "gateway/registrar.hpp"
#include "gateway/route_sync.hpp"
#include "gateway/task_thread.hpp"
#include "mesh/mesh.hpp"
#include "net/io_worker.hpp"
#include "plugin/plugin_manager.hpp"
#include "plugin/shared_kv.hpp"
#include "routing/registry.hpp"
#include "routing/route_table.hpp"
#include "session/gateway.hpp"

namespace cm::gateway {

// The composition root: builds the rooms in order, wires them, runs until it is told to stop, stops them in reverse.
// Its own thread only waits for signals and files; what may block runs on the task thread.
class Gateway {
 public:
  explicit Gateway(const Bootstrap& bootstrap);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Returns the process's exit code. [main thread]
  int run();
  // False when a plugin hangs: its thread still runs, and the process must end with std::_Exit().
  [[nodiscard]] bool clean() const { return clean_; }
  // A plugin left threads that run on: the process must end with std::_Exit(), too, but nothing went wrong.
  [[nodiscard]] bool left_threads() const { return plugins_ && plugins_->left_threads(); }

 private:
  // The story of a host, in order. [main thread]
  base::Status start();
  base::Status build();
  void on_discovery_ready();
  void watch_wanted_plugins();
  void stop();

  base::Status build_discovery();
  void build_mesh();
  // What other hosts are told to link to, of a host that listens there.
  [[nodiscard]] std::string advertised_link(const std::string& listening) const;
  void build_plugins();
  admin::Handlers commands();
  [[nodiscard]] boost::json::object status() const;  // [any thread]
  [[nodiscard]] std::chrono::milliseconds uptime() const;
  void apply_host_settings(const discovery::Settings::Change& change);  // [discovery's thread]
  void tick();
  void await_signal();
  // Ends the host with an error. [any thread]
  void fail(const std::string& why);

  // Whether the host is ready: gateway_ready.cpp. [main thread]
  void begin_readiness();
  // Writes or removes the ready file.
  void on_readiness();
  void say_not_ready();
  // Compares this host's services with what the catalog lists, and looks at their health.
  void check_own_services();
  void remove_ready_file() const;

  // Which plugins: gateway_plugins.cpp.
  [[nodiscard]] std::string plugins_key() const;
  // By hand, `cellmesh ctl load`: also in the KV's list where that decides, so that it lasts.
  void change_list(const std::string& name, bool add, PluginSet::Done done);
  // The KV's list as it should be after a change by hand.
  void write_list(PluginSet::Done done);
  void want_plugins(const std::string& list);     // [discovery's thread]
  void on_file_changed(const std::string& file);  // [folder watch's thread]
  void on_file_gone(const std::string& file);     // [folder watch's thread]
  [[nodiscard]] std::vector<std::string> plugins_of_folder() const;
  // Returns true if a file of the plugin folder is no plugin but a library that plugins there bring along.
  [[nodiscard]] bool is_own_library(const std::filesystem::path& file) const;
  // The file of a plugin in the folder: <name>.so, or the one that holds the version.
  [[nodiscard]] base::Result<std::string> plugin_file(const WantedPlugin& wanted) const;
  [[nodiscard]] std::string file_state(const WantedPlugin& wanted) const;
  // Task thread.
  PluginSet::Outcome load_plugin(const WantedPlugin& wanted);
  base::Status unload_plugin(const std::string& name);
  void take_file(const std::string& file);
  plugin::ReloadReport reload_plugin(const std::string& name, const std::string& file);
  plugin::ReloadReport rollback_plugin(const std::string& name, std::uint64_t generation);
  void after_reload(const plugin::ReloadReport& report);
  // Whether another living host runs a service that this plugin would bring.
  base::Status check_unique(const plugin::Manifest& manifest);
  void on_conflict(const discovery::ServiceRecord& record);   // [discovery's thread]
  void on_same_name(const discovery::ServiceRecord& record);  // [discovery's thread]
  // Tells discovery what this host does with Consul.
  void update_role(const std::vector<plugin::Manifest>& manifests);
  // Which kinds of service to watch in the catalog; `loading` counts as loaded.
  void update_kinds(const plugin::Manifest* loading);

  const Bootstrap bootstrap_;
  const std::string boot_;
  const std::int64_t started_ms_;
  HostRecord self_;  // constant after start()

  boost::asio::io_context main_{1};
  boost::asio::signal_set signals_{main_};
  boost::asio::steady_timer tick_{main_};
  boost::asio::steady_timer require_ready_{main_};
  FolderWatch folder_;
  std::mutex changed_files_mutex_;  // guards the next
  std::set<std::string> changed_files_;
  // Main thread.
  int exit_code_ = 0;
  bool clean_ = true;
  bool ready_ = false;          // the ready file says so
  bool was_ready_ = false;      // once at least
  std::string said_not_ready_;  // the reason that was logged last
  bool discovery_known_ = false;

  // Outlives the rooms, whose threads report to it.
  Readiness readiness_{[this] { boost::asio::post(main_, [this] { on_readiness(); }); }};
  std::optional<std::string> wanted_list_;  // discovery's thread: the KV's list as last taken

  // In the order in which they are built; destroyed in reverse.
  routing::Names names_;
  routing::Registry registry_{names_};
  routing::Routes routes_{names_};
  std::vector<std::unique_ptr<net::IoWorker>> workers_;
  std::unique_ptr<discovery::Discovery> discovery_;
  std::unique_ptr<discovery::Settings> settings_;
  std::unique_ptr<plugin::SharedKv> shared_kv_;
  std::unique_ptr<session::Gateway> sessions_;
  std::unique_ptr<mesh::Mesh> mesh_;  // none with --dev: there is one host
  std::unique_ptr<plugin::PluginManager> plugins_;
  std::unique_ptr<RouteSync> route_sync_;
  std::unique_ptr<Registrar> registrar_;
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<TaskThread> tasks_;
  std::unique_ptr<PluginSet> plugin_set_;
  std::unique_ptr<admin::Server> admin_;
};

// Builds a host from what is known before Consul is reached, runs it, returns the process's exit code.
int run_host(const Bootstrap& bootstrap);

}  // namespace cm::gateway
