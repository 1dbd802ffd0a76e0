#include "plugin/plugin_manager.hpp"

#include <algorithm>
#include <ranges>
#include <set>

#include "base/log.hpp"
#include "plugin/clock.hpp"
#include "plugin/collisions.hpp"
#include "plugin/registry_ears.hpp"
#include "plugin/robot_file.hpp"
#include "plugin/service.hpp"
#include "plugin/settings_feed.hpp"
#include "plugin/text.hpp"

namespace cm::plugin {

namespace fs = std::filesystem;

namespace {

constexpr std::ptrdiff_t kMaxPinned = 16;

PluginInfo::Generation describe(const Generation& generation, std::string state, std::string held_by) {
  const Manifest& m = generation.manifest();
  return {generation.number(), m.version,          m.build_id,
          std::move(state),    std::move(held_by), now_ms() - generation.loaded_ms(),
          generation.faults};
}

}  // namespace

PluginManager::PluginManager(PluginManagerConfig config, routing::Registry& registry, discovery::Settings& settings,
                             routing::Frontends* frontends, PluginManagerHooks hooks)
    : config_(std::move(config)),
      settings_(settings),
      hooks_(std::move(hooks)),
      surroundings_{registry,         frontends,        std::make_shared<BlockingPool>(config_.pool),
                    config_.identity, config_.patience, config_.mailbox,
                    hooks_.faulty,    config_.kv},
      ears_(RegistryEars::listen(registry)) {}

PluginManager::~PluginManager() { (void)stop_all(); }

base::Status PluginManager::load(const std::string& path_or_name, bool* lasting) {
  bool ignored = false;
  bool& lasts = lasting != nullptr ? *lasting : ignored;
  lasts = false;
  const std::lock_guard turn(turn_);
  if (stopping_.stop_requested()) return base::error("the host is going down; no plugin is loaded any more");
  const auto file = find(path_or_name);
  if (!file) return file.error();
  lasts = true;
  const auto checked = check(*file, nullptr);
  if (!checked) return checked.error();
  if (auto status = check_pinned(checked->manifest->name); !status) return status;
  refused_.erase(checked->manifest->name);
  auto opened = open(*checked, *file, 1);
  if (!opened) {
    // A library that it needs may come later.
    lasts = opened.error().text.find("cannot open shared object file") == std::string::npos;
    return opened.error();
  }
  auto plugin = std::make_shared<Loaded>();
  plugin->name = checked->manifest->name;
  plugin->current = std::move(*opened);
  plugin->last_number = 1;
  if (auto status = bring_up(*plugin); !status) {
    auto feeds = std::exchange(plugin->feeds, {});
    const bool gone = take_down(*plugin);
    clean_ = gone && clean_;
    lasts = !gone;  // what hangs would hang again, and stay loaded once more
    if (gone && !stopping_.stop_requested()) watch_refused(*checked->manifest, std::move(feeds));
    return base::error(file->filename().string() + " is refused: " + status.error().text);
  }
  lasts = false;
  {
    const std::lock_guard lock(mutex_);
    plugins_.push_back(plugin);
  }
  for (const auto& service : plugin->services) service->go_public();
  const Manifest& manifest = plugin->current->manifest();
  base::log(base::Room::plugin)
      .info("loaded a plugin{} sdk={} file={}", plugin->current->label(), base::log_value(manifest.sdk_version),
            base::log_value(file->string()));
  if (hooks_.loaded) hooks_.loaded(manifest);
  return {};
}

void PluginManager::watch_refused(const Manifest& manifest, Feeds feeds) {
  for (const auto& declared : manifest.settings) {
    auto& feed = feeds[declared.kind];
    if (!feed) feed = make_feed(declared);
    feed->when_changed([this, name = manifest.name] {
      if (hooks_.settings_changed) hooks_.settings_changed(name);
    });
  }
  refused_[manifest.name] = std::move(feeds);
}

void PluginManager::forget_refused(const std::string& name) {
  const std::lock_guard turn(turn_);
  refused_.erase(name);
}

base::Result<std::shared_ptr<PluginManager::Loaded>> PluginManager::find_loaded(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto it = std::ranges::find_if(plugins_, [&](const auto& p) { return p->name == name; });
  if (it != plugins_.end()) return *it;
  std::string names;
  for (const auto& p : plugins_) names.append(names.empty() ? "" : ", ").append(p->name);
  return base::error("no plugin \"" + name + "\" is loaded" + (names.empty() ? "; none is" : "; loaded are: " + names));
}

base::Status PluginManager::unload(const std::string& name) {
  const std::lock_guard turn(turn_);
  const auto found = find_loaded(name);
  if (!found) return found.error();
  const std::shared_ptr<Loaded> plugin = *found;
  const auto generation = plugin->current;
  if (hooks_.unloading) hooks_.unloading(generation->manifest());
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
  base::log(base::Room::plugin).info("unloaded a plugin{}", generation->label());
  return {};
}

// Each that stays is memory that is never given back.
base::Status PluginManager::check_pinned(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto of_name =
      std::ranges::count_if(pinned_, [&](const auto& closing) { return closing.generation->manifest().name == name; });
  if (of_name < kMaxPinned) return {};
  return base::error(std::to_string(of_name) + " generations of " + name +
                     " could not be unmapped; restart the host, and see `cellmesh ctl plugins` for what holds them");
}

bool PluginManager::left_threads() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(pinned_, [](const auto& closing) { return closing.generation->runs(); });
}

bool PluginManager::stop_all() {
  stopping_.request_stop();
  const std::lock_guard turn(turn_);
  refused_.clear();
  for (;;) {
    std::shared_ptr<Loaded> plugin;
    {
      const std::lock_guard lock(mutex_);
      if (plugins_.empty()) break;
      plugin = plugins_.back();
    }
    if (hooks_.unloading) hooks_.unloading(plugin->current->manifest());
    clean_ = take_down(*plugin) && clean_;
    const std::lock_guard lock(mutex_);
    std::erase(plugins_, plugin);
  }
  loader_.discard();
  return clean_;
}

bool PluginManager::is_outdated(const std::string& name, const fs::path& file) {
  const std::lock_guard turn(turn_);
  const auto plugin = find_loaded(name);
  if (!plugin) return false;
  const auto& copy = (*plugin)->current->copy();
  return copy == nullptr || !copy->made_of(file) || copy->outdated();
}

std::vector<std::string> PluginManager::made_of(const fs::path& file) const {
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  for (const auto& plugin : plugins_) {
    const auto& copy = plugin->current->copy();
    if (copy != nullptr && copy->made_of(file)) names.push_back(plugin->name);
  }
  return names;
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

// Everything that can be known before its code runs.
base::Result<PluginManager::Checked> PluginManager::check(const fs::path& file, const Loaded* in_place_of) {
  const std::string label = file.filename().string();
  if (const auto original = read_manifest(file); !original) return original.error();  // named as its owner knows it
  auto copy = loader_.copy(file);
  if (!copy) return copy.error();
  auto manifest = read_manifest((*copy)->file());
  base::Status status = manifest ? check_manifest(*manifest, label) : base::Status(manifest.error());
  if (status) status = check_no_robot(file);
  if (status && in_place_of != nullptr) status = check_successor(*manifest, in_place_of->current->manifest(), label);
  if (status) status = check_against_others(*manifest, label, in_place_of);
  if (!status) return status.error();
  return Checked{std::move(*copy), std::make_shared<const Manifest>(std::move(*manifest))};
}

base::Result<std::shared_ptr<Generation>> PluginManager::open(const Checked& checked, const fs::path& file,
                                                              std::uint64_t number) {
  const std::string label = file.filename().string();
  const Manifest& manifest = *checked.manifest;
  auto library = loader_.open(checked.copy, label);
  if (!library) return library.error();
  std::set<std::string> kinds;
  const cm_plugin& entry = library->plugin();
  for (std::uint32_t i = 0; i < entry.kind_count; ++i) kinds.insert(entry.kinds[i]->kind);
  if (kinds != std::set<std::string>(manifest.provides.begin(), manifest.provides.end()) ||
      kinds.size() != entry.kind_count) {
    return base::error(label +
                       " is refused: the kinds of service in its code are not those of its manifest; name the " +
                       "same after PROVIDES in its CMake file and in CELLMESH_PLUGIN()");
  }
  return std::make_shared<Generation>(number, checked.manifest, file, std::make_unique<Library>(std::move(*library)));
}

base::Status PluginManager::check_against_others(const Manifest& manifest, const std::string& label,
                                                 const Loaded* except) const {
  const std::lock_guard lock(mutex_);
  if (auto status = check_host_messages(manifest, label); !status) return status;
  for (const auto& other : plugins_) {
    if (other.get() == except) continue;
    if (auto status = check_pair(manifest, other->current->manifest(), label); !status) return status;
  }
  return {};
}

base::Status PluginManager::bring_up(Loaded& plugin) {
  if (auto status = plugin.current->init(); !status) return status;
  for (const auto& kind : plugin.current->manifest().provides) {
    if (auto status = start_service(plugin, *plugin.current->kind(kind)); !status) return status;
  }
  return {};
}

std::string PluginManager::instance() const {
  return std::to_string(config_.identity.index) + "@" + config_.identity.group;
}

std::unique_ptr<SettingsFeed> PluginManager::make_feed(const Manifest::Settings& declared) {
  auto overrides = overrides_of(declared.kind);
  for (const auto& field : declared.fields) {
    const auto given = overrides.find(field.name);
    if (!config_.overrides_are_public || given == overrides.end() || field.shown(given->second) == given->second)
      continue;
    base::log(base::Room::plugin)
        .warn(
            "the secret setting {}/{} is given on the command line, which other users may have read: write file:PATH "
            "or "
            "env:NAME there, or the value into CELLMESH_SET",
            declared.kind, field.name);
  }
  return std::make_unique<SettingsFeed>(settings_, declared, instance(), std::move(overrides));
}

discovery::SettingValues PluginManager::overrides_of(const std::string& kind) const {
  const auto it = config_.setting_overrides.find(kind);
  return it != config_.setting_overrides.end() ? it->second : discovery::SettingValues{};
}

base::Status PluginManager::start_service(Loaded& plugin, const cm_service_kind& kind) {
  std::optional<std::string> settings;
  SettingsFeed* feed = nullptr;
  if (const auto* declared = plugin.current->manifest().settings_of(kind.kind); declared != nullptr) {
    feed = (plugin.feeds[declared->kind] = make_feed(*declared)).get();
    auto first = feed->first(config_.patience.settings, stopping_.get_token());
    if (!first) return first.error();
    settings = std::move(*first);
  }
  auto service = std::make_shared<Service>(surroundings_, plugin.current, kind, std::move(settings));
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
  std::vector<Closing> closing;
  {
    const std::lock_guard lock(mutex_);
    plugin.services.clear();
    closing.swap(plugin.closing);
  }
  closing.push_back({plugin.current, {}});
  for (const auto& [generation, pinned_by] : closing) {
    if (generation->closed()) continue;
    if (!gone || generation->services != 0 || !generation->wait_jobs(config_.patience.stop)) {
      generation->leave_loaded();
      gone = false;
    }
  }
  closing = close_unused(std::move(closing));
  plugin.before.reset();
  const std::lock_guard lock(mutex_);
  for (auto& one : closing) {
    if (one.generation->mapped() || !one.pinned_by.empty()) pinned_.push_back(std::move(one));
  }
  return gone;
}

void PluginManager::sweep() {
  const std::lock_guard turn(turn_);
  std::vector<std::shared_ptr<Loaded>> all;
  std::vector<Closing> pinned;
  {
    const std::lock_guard lock(mutex_);
    all = plugins_;
    pinned = pinned_;
  }
  for (const auto& plugin : all) sweep(*plugin);
  pinned = close_unused(std::move(pinned));
  {
    const std::lock_guard lock(mutex_);
    pinned_ = std::move(pinned);
  }
  loader_.maintain();
}

void PluginManager::sweep(Loaded& plugin) {
  auto still = close_unused(plugin.closing);
  const std::lock_guard lock(mutex_);
  plugin.closing = std::move(still);
}

std::vector<PluginManager::Closing> PluginManager::close_unused(std::vector<Closing> closing) {
  std::vector<Closing> still;
  for (auto& one : closing) {
    Generation& generation = *one.generation;
    const bool may_close = !generation.closed() || generation.mapped();
    if (may_close && generation.services == 0 && generation.jobs() == 0) {
      if (generation.close()) {
        base::log(base::Room::plugin).info("closed a generation{}", generation.label());
        continue;
      }
      const bool told = !std::exchange(one.pinned_by, generation.pinned_by()).empty();
      if (!told) {
        base::log(base::Room::plugin)
            .warn(
                "the library of a plugin stays in memory, held by {}; let stop or deinit join its threads and take "
                "back "
                "what it registered, and build it with the flags of cellmesh_add_plugin(){}",
                one.pinned_by, generation.label());
      }
    }
    still.push_back(std::move(one));
  }
  return still;
}

void PluginManager::set_probation(Probation probation) {
  const std::lock_guard lock(mutex_);
  probation_ = probation;
}

std::vector<std::string> PluginManager::loaded() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& plugin : plugins_) names.push_back(plugin->name);
  return names;
}

std::vector<PluginInfo> PluginManager::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<PluginInfo> all;
  for (const auto& plugin : plugins_) {
    PluginInfo info{plugin->current->manifest(), plugin->current->file(), {}, {}};
    for (const auto& service : plugin->services) {
      const auto& c = service->counters();
      info.services.push_back({service->id(), service->generation()->number(), c.handled, c.faults, c.bad_messages,
                               c.refused, c.strays, service->mailbox()->size_bytes(), service->last_fault(),
                               service->metrics().values()});
    }
    info.generations.push_back(
        describe(*plugin->current, "serves", std::to_string(plugin->current->services) + " services"));
    for (const auto& [generation, pinned_by] : plugin->closing) {
      info.generations.push_back(describe(*generation, pinned_by.empty() ? "closing" : "pinned",
                                          !pinned_by.empty() ? pinned_by
                                                             : std::to_string(generation->services) + " services, " +
                                                                   std::to_string(generation->jobs()) + " jobs"));
    }
    all.push_back(std::move(info));
  }
  return all;
}

std::vector<PluginInfo> PluginManager::pinned() const {
  const std::lock_guard lock(mutex_);
  std::vector<PluginInfo> all;
  for (const auto& [generation, pinned_by] : pinned_) {
    all.push_back({generation->manifest(), generation->file(), {}, {describe(*generation, "pinned", pinned_by)}});
  }
  return all;
}

}  // namespace cm::plugin
