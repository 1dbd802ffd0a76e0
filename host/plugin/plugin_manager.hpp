#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "discovery/settings.hpp"
#include "plugin/library.hpp"
#include "plugin/manifest.hpp"
#include "plugin/surroundings.hpp"

namespace cm::plugin {

class RegistryEars;
class Service;
class SettingsFeed;

struct PluginManagerConfig {
  HostIdentity identity;
  std::filesystem::path plugin_dir;
  // By kind: replace the defaults of settings, not the KV's values (a fixed port of --dev).
  std::map<std::string, discovery::SettingValues> setting_overrides;
  BlockingPool::Limits pool;
  routing::EnvelopeQueue::Limits mailbox;
  Patience patience;
};

// What the composition root does when plugins come and go. Called on the thread that loads, which holds the manager:
// they must not call it back.
struct PluginManagerHooks {
  std::function<void(const Manifest&)> loaded;     // its services are up
  std::function<void(const Manifest&)> unloading;  // its services are about to stop
};

// One line of what a plugin is and does, for people and tools.
struct PluginInfo {
  struct Service {
    std::string id;
    std::uint64_t handled = 0;
    std::uint64_t faults = 0;
    std::uint64_t bad_messages = 0;
    std::uint64_t refused = 0;
    std::uint64_t strays = 0;
    std::size_t mailbox_bytes = 0;
    std::string last_fault;
    std::vector<std::pair<std::string, std::int64_t>> metrics;
  };
  Manifest manifest;
  std::filesystem::path file;
  std::vector<Service> services;
};

// Loads plugins, runs their services, unloads them. Owned by the gateway. load(), unload() and stop_all() may block for
// as long as a plugin takes to start or stop (bounded by Patience): one caller at a time is let in, and it must not be
// a service's, an io worker's or discovery's thread.
class PluginManager {
 public:
  // Makes itself a listener of the registry, so before threads start.
  PluginManager(PluginManagerConfig config, routing::Registry& registry, discovery::Settings& settings,
                routing::Frontends* frontends, PluginManagerHooks hooks);
  PluginManager(const PluginManager&) = delete;
  PluginManager& operator=(const PluginManager&) = delete;
  ~PluginManager();  // as stop_all()

  // A path, or the name of a plugin in the plugin folder (its file's, without .so, or its manifest's). A refusal is a
  // sentence with cause and cure, and leaves nothing behind.
  base::Status load(const std::string& path_or_name);
  // By the manifest's name.
  base::Status unload(const std::string& name);
  // Unloads everything, in reverse order, and lets nothing be loaded after; interrupts a load that waits. False when a
  // plugin hangs: its thread still runs, so the process must end with std::_Exit().
  bool stop_all();

  // Any thread, at any time.
  [[nodiscard]] std::vector<PluginInfo> list() const;
  // Names in the order of loading.
  [[nodiscard]] std::vector<std::string> loaded() const;
  struct Candidate {
    std::filesystem::path file;
    base::Result<Manifest> manifest;
  };
  // What lies in the plugin folder, sorted by file name.
  [[nodiscard]] std::vector<Candidate> available() const;

 private:
  struct Loaded {
    std::shared_ptr<const Manifest> manifest;
    std::filesystem::path file;
    std::unique_ptr<Library> library;
    bool initialised = false;
    std::vector<std::unique_ptr<SettingsFeed>> feeds;
    std::vector<std::shared_ptr<Service>> services;
  };

  [[nodiscard]] base::Result<std::filesystem::path> find(const std::string& path_or_name) const;
  base::Result<std::unique_ptr<Loaded>> open(const std::filesystem::path& file);
  [[nodiscard]] base::Status check_against_others(const Manifest& manifest, const std::string& label) const;
  base::Status bring_up(Loaded& plugin);
  base::Status start_service(Loaded& plugin, const cm_service_kind& kind);
  // Stops its services and unloads it; false when it hangs.
  bool take_down(Loaded& plugin);

  const PluginManagerConfig config_;
  discovery::Settings& settings_;
  const PluginManagerHooks hooks_;
  Surroundings surroundings_;
  const std::shared_ptr<RegistryEars> ears_;
  std::stop_source stopping_;

  std::mutex turn_;  // one load or unload at a time; guards loader_
  LibraryLoader loader_;
  bool clean_ = true;  // nothing ever hung

  mutable std::mutex mutex_;  // guards plugins_
  std::vector<std::shared_ptr<Loaded>> plugins_;
};

}  // namespace cm::plugin
