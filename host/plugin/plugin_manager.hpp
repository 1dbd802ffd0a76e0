#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "discovery/settings.hpp"
#include "plugin/generation.hpp"
#include "plugin/library.hpp"
#include "plugin/manifest.hpp"
#include "plugin/reload_report.hpp"
#include "plugin/surroundings.hpp"
#include "plugin/takeover.hpp"

namespace cm::plugin {

class RegistryEars;
class Service;
class SettingsFeed;
class SharedKv;

struct PluginManagerConfig {
  HostIdentity identity;
  std::filesystem::path plugin_dir;
  // By kind: replace the defaults of settings, not the KV's values (a fixed port of --dev).
  std::map<std::string, discovery::SettingValues> setting_overrides;
  bool overrides_are_public = false;  // they stood on the command line: a secret in them is warned about
  BlockingPool::Limits pool;
  routing::EnvelopeQueue::Limits mailbox;
  Patience patience;
  // What runs a rehearsal, see rehearsal.hpp; empty: reloads are not rehearsed.
  std::filesystem::path rehearsal_program;
  std::chrono::milliseconds rehearsal_time{10'000};
  SharedKv* kv = nullptr;  // entries that services share; null: there are none
};

// What the composition root does when plugins come and go. Called on the thread that loads, which holds the manager:
// they must not call it back.
struct PluginManagerHooks {
  std::function<void(const Manifest&)> loaded;     // its services are up
  std::function<void(const Manifest&)> unloading;  // its services are about to stop
  std::function<void(const Manifest& before, const Manifest& now)> reloaded;
  // A setting of a plugin that was refused differs from what its last attempt had. Called on discovery's thread; must
  // not block.
  std::function<void(const std::string& plugin)> settings_changed;
  // A generation on probation had too many faults: roll it back. Called on a service's thread; must not block.
  std::function<void(const std::string& plugin, std::uint64_t generation)> faulty;
};

// One line of what a plugin is and does, for people and tools.
struct PluginInfo {
  struct Service {
    std::string id;
    std::uint64_t generation = 0;
    std::uint64_t handled = 0;
    std::uint64_t faults = 0;
    std::uint64_t bad_messages = 0;
    std::uint64_t refused = 0;
    std::uint64_t strays = 0;
    std::size_t mailbox_bytes = 0;
    std::string last_fault;
    std::vector<std::pair<std::string, std::int64_t>> metrics;
  };
  struct Generation {
    std::uint64_t number = 0;
    std::string version;
    std::string build_id;
    std::string state;    // "serves", "closing", "pinned"
    std::string held_by;  // what keeps it loaded
    std::int64_t age_ms = 0;
    std::uint64_t faults = 0;
  };
  Manifest manifest;
  std::filesystem::path file;
  std::vector<Service> services;
  std::vector<Generation> generations;  // the one that serves first; of a plugin that was unloaded, those that stay
};

// Loads plugins, runs their services, reloads and unloads them. Owned by the gateway. What changes a plugin may block
// for as long as that takes (bounded by Patience): one caller at a time is let in, and it must not be a service's, an
// io worker's or discovery's thread.
class PluginManager {
 public:
  // Makes itself a listener of the registry, so before threads start.
  PluginManager(PluginManagerConfig config, routing::Registry& registry, discovery::Settings& settings,
                routing::Frontends* frontends, PluginManagerHooks hooks);
  PluginManager(const PluginManager&) = delete;
  PluginManager& operator=(const PluginManager&) = delete;
  ~PluginManager();  // as stop_all()

  // A path, or the name of a plugin in the plugin folder (its file's, without .so, or its manifest's). A refusal is a
  // sentence with cause and cure; it leaves nothing behind but the declaration of the plugin's settings, so that they
  // can be corrected. `lasting` is set to whether only another file, or another set of plugins, can change the refusal.
  base::Status load(const std::string& path_or_name, bool* lasting = nullptr);
  // Forgets the settings of a plugin that was refused and is not going to be tried again.
  void forget_refused(const std::string& name);
  // By the manifest's name.
  base::Status unload(const std::string& name);
  // Puts a new version in the place of a loaded plugin: from a path or a name as in load(), or from the file that it
  // came from when that is empty. Refused: the old generation serves on.
  ReloadReport reload(const std::string& name, const std::string& path_or_name = {});
  // The version before comes back, with the state it had of what the present one does not know. `generation`: only when
  // that one serves; 0: whichever does.
  ReloadReport rollback(const std::string& name, std::uint64_t generation = 0);
  // Closes generations whose last user is gone since, and sees to their private copies.
  void sweep();
  // Returns true if a loaded plugin runs something else than what is in this file and in its own libraries now.
  bool is_outdated(const std::string& name, const std::filesystem::path& file);
  // Returns the loaded plugins that were copied from this file, or have it as a library of their own. [any thread]
  [[nodiscard]] std::vector<std::string> made_of(const std::filesystem::path& file) const;
  // Of reloads from now on. [any thread]
  void set_probation(Probation probation);
  // Unloads everything, in reverse order, and lets nothing be loaded after; interrupts a load that waits. False when a
  // plugin hangs: its thread still runs, so the process must end with std::_Exit().
  bool stop_all();
  // After stop_all(): threads that a plugin left behind run on. The process must end with std::_Exit(), too.
  [[nodiscard]] bool left_threads() const;

  // Any thread, at any time.
  [[nodiscard]] std::vector<PluginInfo> list() const;
  // Plugins that were unloaded and whose libraries stay in memory, with what holds them.
  [[nodiscard]] std::vector<PluginInfo> pinned() const;
  // Names in the order of loading.
  [[nodiscard]] std::vector<std::string> loaded() const;
  struct Candidate {
    std::filesystem::path file;
    base::Result<Manifest> manifest;
  };
  // What lies in the plugin folder, sorted by file name.
  [[nodiscard]] std::vector<Candidate> available() const;

 private:
  // What a rollback needs of the generation before.
  struct Before {
    std::shared_ptr<LibraryCopy> copy;
    std::filesystem::path original;
    std::string version;
    std::map<std::string, std::string> messages;  // of its state, by kind
  };
  // A generation that does not serve any more.
  struct Closing {
    std::shared_ptr<Generation> generation;
    std::string pinned_by;
  };
  struct Loaded {
    std::string name;
    // Loader thread only.
    std::map<std::string, std::unique_ptr<SettingsFeed>> feeds;  // by kind
    std::optional<Before> before;
    std::uint64_t last_number = 0;
    // Guarded by the manager's mutex.
    std::shared_ptr<Generation> current;
    std::vector<Closing> closing;
    std::vector<std::shared_ptr<Service>> services;
  };
  // One reload on its way: plugin_reload.cpp.
  class Reload;

  [[nodiscard]] base::Result<std::filesystem::path> find(const std::string& path_or_name) const;
  [[nodiscard]] base::Result<std::shared_ptr<Loaded>> find_loaded(const std::string& name) const;
  // Copies and checks the file; `in_place_of` is the plugin that it is to replace.
  struct Checked {
    std::shared_ptr<LibraryCopy> copy;
    std::shared_ptr<const Manifest> manifest;
  };
  base::Result<Checked> check(const std::filesystem::path& file, const Loaded* in_place_of);
  base::Result<std::shared_ptr<Generation>> open(const Checked& checked, const std::filesystem::path& file,
                                                 std::uint64_t number);
  [[nodiscard]] base::Status check_against_others(const Manifest& manifest, const std::string& label,
                                                  const Loaded* except) const;
  base::Status bring_up(Loaded& plugin);
  // Keeps the settings declared of a plugin that did not start, and tells when they change.
  using Feeds = std::map<std::string, std::unique_ptr<SettingsFeed>>;  // by kind
  void watch_refused(const Manifest& manifest, Feeds feeds);
  base::Status start_service(Loaded& plugin, const cm_service_kind& kind);
  [[nodiscard]] std::string instance() const;
  std::unique_ptr<SettingsFeed> make_feed(const Manifest::Settings& declared);
  [[nodiscard]] discovery::SettingValues overrides_of(const std::string& kind) const;
  // Stops its services and unloads it; false when it hangs.
  bool take_down(Loaded& plugin);
  void sweep(Loaded& plugin);
  // Tries to unmap generations that nobody uses; returns those that stay, with what holds them.
  static std::vector<Closing> close_unused(std::vector<Closing> closing);
  [[nodiscard]] base::Status check_pinned(const std::string& name) const;

  const PluginManagerConfig config_;
  discovery::Settings& settings_;
  const PluginManagerHooks hooks_;
  Surroundings surroundings_;
  const std::shared_ptr<RegistryEars> ears_;
  std::stop_source stopping_;

  std::mutex turn_;  // one load or unload at a time; guards loader_
  LibraryLoader loader_;
  bool clean_ = true;                     // nothing ever hung
  std::map<std::string, Feeds> refused_;  // of plugins that did not start

  mutable std::mutex mutex_;  // guards all below
  std::vector<std::shared_ptr<Loaded>> plugins_;
  std::vector<Closing> pinned_;  // of plugins that were unloaded
  Probation probation_;
};

}  // namespace cm::plugin
