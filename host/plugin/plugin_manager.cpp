#include "plugin/plugin_manager.hpp"

#include <algorithm>
#include <ranges>
#include <set>

#include "base/log.hpp"
#include "plugin/collisions.hpp"
#include "plugin/registry_ears.hpp"
#include "plugin/service.hpp"
#include "plugin/settings_feed.hpp"
#include "plugin/text.hpp"

namespace cm::plugin {

namespace fs = std::filesystem;

PluginManager::PluginManager(PluginManagerConfig config, routing::Registry& registry, discovery::Settings& settings,
                             routing::Frontends* frontends, PluginManagerHooks hooks)
    : config_(std::move(config)),
      settings_(settings),
      hooks_(std::move(hooks)),
      surroundings_{registry,         frontends,        std::make_shared<BlockingPool>(config_.pool),
                    config_.identity, config_.patience, config_.mailbox},
      ears_(RegistryEars::listen(registry)) {}

PluginManager::~PluginManager() { (void)stop_all(); }

base::Status PluginManager::load(const std::string& path_or_name) {
  const std::lock_guard turn(turn_);
  if (stopping_.stop_requested()) return base::error("the host is going down; no plugin is loaded any more");
  const auto file = find(path_or_name);
  if (!file) return file.error();
  auto opened = open(*file);
  if (!opened) return opened.error();
  std::shared_ptr<Loaded> plugin = std::move(*opened);
  if (auto status = bring_up(*plugin); !status) {
    clean_ = take_down(*plugin) && clean_;
    return base::error(file->filename().string() + " is refused: " + status.error().text);
  }
  {
    const std::lock_guard lock(mutex_);
    plugins_.push_back(plugin);
  }
  for (const auto& service : plugin->services) service->go_public();
  base::log(base::Room::plugin)
      .info("loaded a plugin plugin={} version={} sdk={} build={} file={}", plugin->manifest->name,
            base::log_value(plugin->manifest->version), base::log_value(plugin->manifest->sdk_version),
            base::log_value(plugin->manifest->build_id), base::log_value(file->string()));
  if (hooks_.loaded) hooks_.loaded(*plugin->manifest);
  return {};
}

base::Status PluginManager::unload(const std::string& name) {
  const std::lock_guard turn(turn_);
  std::shared_ptr<Loaded> plugin;
  {
    const std::lock_guard lock(mutex_);
    const auto it = std::ranges::find_if(plugins_, [&](const auto& p) { return p->manifest->name == name; });
    if (it == plugins_.end()) {
      std::string names;
      for (const auto& p : plugins_) names.append(names.empty() ? "" : ", ").append(p->manifest->name);
      return base::error("no plugin \"" + name + "\" is loaded" +
                         (names.empty() ? "; none is" : "; loaded are: " + names));
    }
    plugin = *it;
  }
  if (hooks_.unloading) hooks_.unloading(*plugin->manifest);
  const bool gone = take_down(*plugin);
  clean_ = clean_ && gone;
  {
    const std::lock_guard lock(mutex_);
    std::erase(plugins_, plugin);
  }
  if (!gone) {
    return base::error("the plugin " + name +
                       " was taken out of the mesh, but code of it hangs and stays loaded; see the log for which, and "
                       "restart the host to be rid of it");
  }
  base::log(base::Room::plugin)
      .info("unloaded a plugin plugin={} version={}", name, base::log_value(plugin->manifest->version));
  return {};
}

bool PluginManager::stop_all() {
  stopping_.request_stop();
  const std::lock_guard turn(turn_);
  for (;;) {
    std::shared_ptr<Loaded> plugin;
    {
      const std::lock_guard lock(mutex_);
      if (plugins_.empty()) break;
      plugin = plugins_.back();
    }
    if (hooks_.unloading) hooks_.unloading(*plugin->manifest);
    clean_ = take_down(*plugin) && clean_;
    const std::lock_guard lock(mutex_);
    std::erase(plugins_, plugin);
  }
  return clean_;
}

base::Result<fs::path> PluginManager::find(const std::string& path_or_name) const {
  std::error_code ec;
  if (path_or_name.find('/') != std::string::npos) return fs::path(path_or_name);
  for (const auto& file : {config_.plugin_dir / path_or_name, config_.plugin_dir / (path_or_name + ".so")}) {
    if (fs::is_regular_file(file, ec)) return file;
  }
  std::string names;
  for (const auto& candidate : available()) {
    if (!candidate.manifest) continue;
    if (candidate.manifest->name == path_or_name) return candidate.file;
    names.append(names.empty() ? "" : ", ").append(candidate.manifest->name);
  }
  return base::error("there is no plugin \"" + path_or_name + "\" in " + config_.plugin_dir.string() +
                     (names.empty() ? "; copy its .so there" : "; there are: " + names));
}

std::vector<PluginManager::Candidate> PluginManager::available() const {
  std::vector<fs::path> files;
  std::error_code ec;
  for (fs::directory_iterator it(config_.plugin_dir, ec), end; !ec && it != end; it.increment(ec)) {
    std::error_code ignored;
    if (it->path().extension() == ".so" && it->is_regular_file(ignored)) files.push_back(it->path());
  }
  std::ranges::sort(files);
  std::vector<Candidate> found;
  for (auto& file : files) {
    auto manifest = read_manifest(file);
    found.push_back({std::move(file), std::move(manifest)});
  }
  return found;
}

// Everything that can be known before its code runs, then its code.
base::Result<std::unique_ptr<PluginManager::Loaded>> PluginManager::open(const fs::path& file) {
  const std::string label = file.filename().string();
  if (const auto original = read_manifest(file); !original) return original.error();  // named as its owner knows it
  const auto copy = loader_.copy(file);
  if (!copy) return copy.error();
  const auto refuse = [&](const base::Error& why) {
    std::error_code ignored;
    fs::remove(*copy, ignored);
    return why;
  };
  auto manifest = read_manifest(*copy);
  if (!manifest) return refuse(manifest.error());
  if (auto status = check_manifest(*manifest, label); !status) return refuse(status.error());
  if (auto status = check_against_others(*manifest, label); !status) return refuse(status.error());
  auto library = loader_.open(*copy, label);
  if (!library) return library.error();
  auto plugin = std::make_unique<Loaded>();
  plugin->file = file;
  plugin->library = std::make_unique<Library>(std::move(*library));
  std::set<std::string> kinds;
  const cm_plugin& entry = plugin->library->plugin();
  for (std::uint32_t i = 0; i < entry.kind_count; ++i) kinds.insert(entry.kinds[i]->kind);
  if (kinds != std::set<std::string>(manifest->provides.begin(), manifest->provides.end()) ||
      kinds.size() != entry.kind_count) {
    return base::error(label +
                       " is refused: the kinds of service in its code are not those of its manifest; name the " +
                       "same after PROVIDES in its CMake file and in CELLMESH_PLUGIN()");
  }
  plugin->manifest = std::make_shared<const Manifest>(std::move(*manifest));
  return plugin;
}

base::Status PluginManager::check_against_others(const Manifest& manifest, const std::string& label) const {
  const std::lock_guard lock(mutex_);
  if (auto status = check_host_messages(manifest, label); !status) return status;
  for (const auto& other : plugins_) {
    if (auto status = check_pair(manifest, *other->manifest, label); !status) return status;
  }
  return {};
}

base::Status PluginManager::bring_up(Loaded& plugin) {
  const cm_plugin& entry = plugin.library->plugin();
  if (entry.init != nullptr) {
    cm_status status = CM_FAULT;
    std::string why;
    try {
      status = entry.init();
    } catch (const std::exception& e) {
      why = std::string(": an exception left it: ") + e.what();
    } catch (...) {
      why = ": an exception of an unknown type left it";
    }
    if (status != CM_OK) return base::error("its init returned " + status_text(status) + why + "; see its log lines");
  }
  plugin.initialised = true;
  for (std::uint32_t i = 0; i < entry.kind_count; ++i) {
    if (auto status = start_service(plugin, *entry.kinds[i]); !status) return status;
  }
  return {};
}

base::Status PluginManager::start_service(Loaded& plugin, const cm_service_kind& kind) {
  std::optional<std::string> settings;
  SettingsFeed* feed = nullptr;
  if (const auto* declared = plugin.manifest->settings_of(kind.kind); declared != nullptr) {
    const auto it = config_.setting_overrides.find(declared->kind);
    const std::string instance = std::to_string(config_.identity.index) + "@" + config_.identity.group;
    plugin.feeds.push_back(std::make_unique<SettingsFeed>(
        settings_, *declared, instance,
        it != config_.setting_overrides.end() ? it->second : discovery::SettingValues{}));
    feed = plugin.feeds.back().get();
    settings = feed->first(config_.patience.settings, stopping_.get_token());
    if (!settings) {
      return base::error("the settings of " + declared->kind + " did not come from the KV within " +
                         std::to_string(config_.patience.settings.count()) +
                         " ms; see that Consul can be reached, and load it again");
    }
  }
  auto service = std::make_shared<Service>(surroundings_, plugin.manifest, kind, std::move(settings));
  plugin.services.push_back(service);
  ears_->add(service);
  if (auto status = service->start(stopping_.get_token()); !status) return status;
  if (feed != nullptr) feed->connect(service->mailbox());
  return {};
}

bool PluginManager::take_down(Loaded& plugin) {
  bool gone = true;
  for (const auto& service : plugin.services | std::views::reverse) {
    gone = service->stop() && gone;
    ears_->remove(service);
  }
  plugin.feeds.clear();
  {
    const std::lock_guard lock(mutex_);
    plugin.services.clear();
  }
  if (!gone) {
    plugin.library->leave_loaded();
    return false;
  }
  const cm_plugin& entry = plugin.library->plugin();
  if (plugin.initialised && entry.deinit != nullptr) {
    try {
      entry.deinit();
    } catch (...) {
      base::log(base::Room::plugin).error("an exception left deinit of a plugin plugin={}", plugin.manifest->name);
    }
  }
  (void)plugin.library->unload();
  return true;
}

std::vector<std::string> PluginManager::loaded() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& plugin : plugins_) names.push_back(plugin->manifest->name);
  return names;
}

std::vector<PluginInfo> PluginManager::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<PluginInfo> all;
  for (const auto& plugin : plugins_) {
    PluginInfo info{*plugin->manifest, plugin->file, {}};
    for (const auto& service : plugin->services) {
      const auto& c = service->counters();
      info.services.push_back({service->id(), c.handled, c.faults, c.bad_messages, c.refused, c.strays,
                               service->mailbox()->size_bytes(), service->last_fault(), service->metrics().values()});
    }
    all.push_back(std::move(info));
  }
  return all;
}

}  // namespace cm::plugin
