// The part of Gateway that decides which plugins are loaded.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <set>
#include <utility>

#include <sys/stat.h>

#include <spdlog/fmt/ranges.h>

#include "base/log.hpp"
#include "gateway/access_role.hpp"
#include "gateway/gateway.hpp"
#include "plugin/elf_file.hpp"
#include "plugin/robot_file.hpp"

namespace cm::gateway {
namespace {

namespace fs = std::filesystem;

constexpr auto kCatalogAnswer = std::chrono::seconds(10);
constexpr std::chrono::milliseconds kProbe{2000};
constexpr std::size_t kMaxManifest = 16U << 20U;

auto logger() { return base::log(base::Room::gateway); }

bool needs(const fs::path& file, const std::string& library) {
  const auto elf = plugin::ElfFile::open(file);
  if (!elf) return false;
  const auto needed = elf->needed();
  return needed && std::find(needed->begin(), needed->end(), library) != needed->end();
}

}  // namespace

std::string Gateway::plugins_key() const { return "cellmesh/hosts/" + bootstrap_.name + "/plugins"; }

void Gateway::watch_wanted_plugins() {
  const auto up = [](const base::Status&) {};  // a refusal is logged, and shown
  if (bootstrap_.plugins) {
    plugin_set_->want(*bootstrap_.plugins, up);
    return;
  }
  if (bootstrap_.dev) {
    folder_.start();
    plugin_set_->want(plugins_of_folder(), up);
    return;
  }
  const std::string key = plugins_key();
  discovery_->watch_kv(key, [this, key](const discovery::Discovery::KvMap& values, bool lost) {
    const auto it = values.find(key);
    if (it != values.end()) {
      want_plugins(it->second.value);
    } else if (lost && wanted_list_) {
      discovery_->put_if(key, *wanted_list_, 0, [](const base::Status&) {});
    } else if (!wanted_list_) {
      logger().info("no plugins are named for this host yet; name them in the KV: key={} value=agent,login", key);
      discovery_->put_if(key, "", 0, [](const base::Status&) {});
    }
  });
}

void Gateway::want_plugins(const std::string& list) {
  if (wanted_list_ == list) return;
  auto names = PluginSet::parse(list);
  if (!names) {
    logger().warn("the KV's plugin list is refused: {}; the loaded ones stay key={}", names.error().text,
                  plugins_key());
    if (!wanted_list_) {
      readiness_.block("plugins",
                       "the plugin list in the KV is refused, key " + plugins_key() + ": " + names.error().text);
    }
    return;
  }
  wanted_list_ = list;
  plugin_set_->want(std::move(*names), [](const base::Status&) {});
}

void Gateway::change_list(const std::string& name, bool add, PluginSet::Done done) {
  const auto after = [this, name, add, done = std::move(done)](base::Status status) {
    if (!status || bootstrap_.dev || bootstrap_.plugins) {
      done(std::move(status));
      return;
    }
    write_list(done);
  };
  if (add) {
    plugin_set_->load(name, after);
  } else {
    plugin_set_->unload(name, after);
  }
}

void Gateway::write_list(PluginSet::Done done) {
  discovery_->put(plugins_key(), fmt::format("{}", fmt::join(plugin_set_->wanted(), ",")), std::move(done));
}

std::vector<std::string> Gateway::plugins_of_folder() const {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& file : fs::directory_iterator(bootstrap_.plugin_dir, ec)) {
    const fs::path& path = file.path();
    if (path.extension() != ".so" || path.filename().string().starts_with('.')) continue;
    if (!plugin::is_robot(path) && !is_own_library(path)) names.push_back(path.stem().string());
  }
  std::sort(names.begin(), names.end());
  if (names.empty())
    logger().warn("there is no plugin in {}; give another folder with --plugin-dir", bootstrap_.plugin_dir);
  return names;
}

bool Gateway::is_own_library(const fs::path& path) const {
  const auto file = plugin::ElfFile::open(path);
  if (!file) return false;  // to be refused with a sentence
  const auto manifest = file->section(CM_MANIFEST_SECTION, kMaxManifest);
  if (!manifest || *manifest) return false;
  const std::string name = path.filename().string();
  if (name.starts_with("lib")) return true;
  std::error_code ec;
  for (const auto& other : fs::directory_iterator(bootstrap_.plugin_dir, ec)) {
    if (other.path().extension() == ".so" && needs(other.path(), name)) return true;
  }
  return false;
}

// However often a file changes, it waits once.
void Gateway::on_file_changed(const std::string& file) {
  {
    const std::lock_guard lock(changed_files_mutex_);
    if (!changed_files_.insert(file).second) return;
  }
  tasks_->run([this, file] {
    {
      const std::lock_guard lock(changed_files_mutex_);
      changed_files_.erase(file);
    }
    take_file(file);
  });
}

void Gateway::take_file(const std::string& file) {
  const fs::path path = fs::path(bootstrap_.plugin_dir) / file;
  const auto reload = [&](const std::string& name) {
    const auto its_file = (fs::path(bootstrap_.plugin_dir) / (name + ".so")).string();
    if (plugins_->is_outdated(name, its_file)) (void)reload_plugin(name, its_file);
  };
  const std::string name = path.stem().string();
  for (const auto& user : plugins_->made_of(path)) {
    if (user != name) reload(user);
  }
  for (const auto& [refused, refusal] : plugin_set_->refused()) {
    const auto name_of_it = WantedPlugin::parse(refused).name;
    const auto its_file = name_of_it + ".so";
    if (its_file != file && needs(fs::path(bootstrap_.plugin_dir) / its_file, file)) plugin_set_->retry(name_of_it);
  }
  if (path.extension() != ".so" || plugin::is_robot(path) || is_own_library(path)) return;
  const auto loaded = plugins_->loaded();
  if (std::find(loaded.begin(), loaded.end(), name) != loaded.end()) {
    reload(name);
  } else {
    plugin_set_->add(name);
  }
}

void Gateway::on_file_gone(const std::string& file) {
  if (fs::path(file).extension() != ".so") return;
  tasks_->run([this, name = fs::path(file).stem().string()] {
    const auto is_it = [&](const std::string& wanted) { return WantedPlugin::parse(wanted).name == name; };
    const auto wanted = plugin_set_->wanted();
    if (std::any_of(wanted.begin(), wanted.end(), is_it)) plugin_set_->unload(name, [](const base::Status&) {});
  });
}

base::Result<std::string> Gateway::plugin_file(const WantedPlugin& wanted) const {
  const std::string file = (fs::path(bootstrap_.plugin_dir) / (wanted.name + ".so")).string();
  if (wanted.version.empty()) return file;
  std::string others;
  for (const auto& candidate : plugins_->available()) {
    if (!candidate.manifest || candidate.manifest->name != wanted.name) continue;
    if (candidate.manifest->version == wanted.version) return candidate.file.string();
    others +=
        (others.empty() ? "" : ", ") + candidate.manifest->version + " (" + candidate.file.filename().string() + ")";
  }
  return base::error(fmt::format("no file in {} holds {} in version {}{}", bootstrap_.plugin_dir, wanted.name,
                                 wanted.version, others.empty() ? "; copy it there" : "; there are: " + others));
}

std::string Gateway::file_state(const WantedPlugin& wanted) const {
  std::string state;
  std::error_code ec;
  const auto add = [&](const fs::path& file) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) return;
    state += fmt::format("{}:{}:{}:{}.{}.{} ", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                         info.st_mtim.tv_nsec, info.st_ctim.tv_nsec);
  };
  if (wanted.version.empty()) {
    add(fs::path(bootstrap_.plugin_dir) / (wanted.name + ".so"));
    return state;
  }
  // Any file of the folder may hold the version.
  std::set<fs::path> files;
  for (const auto& file : fs::directory_iterator(bootstrap_.plugin_dir, ec)) {
    if (file.path().extension() == ".so") files.insert(file.path());
  }
  for (const auto& file : files) add(file);
  return state;
}

PluginSet::Outcome Gateway::load_plugin(const WantedPlugin& wanted) {
  const auto path = plugin_file(wanted);
  if (!path) return path.error();
  const fs::path file = *path;
  auto manifest = plugin::read_manifest(file);
  if (!manifest) return {manifest.error(), true};
  if (auto status = plugin::check_manifest(*manifest, file.filename().string()); !status) return {status, true};
  if (auto status = plugin::check_no_robot(file); !status) return {status, true};
  if (manifest->name != wanted.name) {
    return {base::error(fmt::format("{} holds the plugin {}; name the file {}.so", file.string(), manifest->name,
                                    manifest->name)),
            true};
  }
  update_kinds(&*manifest);
  if (auto status = check_unique(*manifest); !status) {
    update_kinds(nullptr);
    return status;
  }
  bool lasting = false;
  auto status = plugins_->load(file.string(), &lasting);
  update_kinds(nullptr);
  if (!status) return {status, lasting};
  for (const auto& kind : manifest->provides) {
    if (auto routes = manifest->routes_of(kind); !routes.rules.empty()) route_sync_->publish(routes);
  }
  return {};
}

base::Status Gateway::unload_plugin(const std::string& name) {
  std::vector<std::string> kinds;
  for (const auto& info : plugins_->list()) {
    if (info.manifest.name == name) kinds = info.manifest.provides;
  }
  auto status = plugins_->unload(name);
  if (status) {
    for (const auto& kind : kinds) route_sync_->retract(kind);
  }
  update_kinds(nullptr);
  return status;
}

plugin::ReloadReport Gateway::reload_plugin(const std::string& name, const std::string& file) {
  auto report = plugins_->reload(name, file);
  after_reload(report);
  return report;
}

plugin::ReloadReport Gateway::rollback_plugin(const std::string& name, std::uint64_t generation) {
  auto report = plugins_->rollback(name, generation);
  after_reload(report);
  return report;
}

// A version that the KV's list names follows what was done by hand, so that it lasts.
void Gateway::after_reload(const plugin::ReloadReport& report) {
  if (!report.status) return;
  update_kinds(nullptr);
  if (!plugin_set_->follow({report.plugin, report.to_version}) || bootstrap_.dev || bootstrap_.plugins) return;
  write_list([](const base::Status&) {});
}

base::Status Gateway::check_unique(const plugin::Manifest& manifest) {
  if (!mesh_) return {};
  std::promise<std::vector<discovery::ServiceRecord>> promise;
  auto records = promise.get_future();
  auto answer = std::make_shared<decltype(promise)>(std::move(promise));
  peers_->when_known([answer](const std::vector<discovery::ServiceRecord>& known) { answer->set_value(known); });
  if (records.wait_for(kCatalogAnswer) != std::future_status::ready) {
    logger().warn("the catalog does not answer; cannot tell whether another host runs the services of {}",
                  manifest.name);
    return {};
  }
  for (const auto& record : records.get()) {
    const bool same =
        record.mesh == bootstrap_.mesh && record.boot != boot_ && record.group == bootstrap_.group &&
        record.index == bootstrap_.index &&
        std::find(manifest.provides.begin(), manifest.provides.end(), record.kind) != manifest.provides.end();
    if (!same) continue;
    // It may be what a host that died left behind: only who answers under that boot id is alive.
    const auto alive = mesh::probe(record.link_address, kProbe);
    if (alive && alive->boot == record.boot) {
      return base::error(
          fmt::format("{} is up already on host {} at {}; give this host another --index or --group, or stop that one",
                      record.id, record.host, record.link_address));
    }
  }
  return {};
}

void Gateway::on_conflict(const discovery::ServiceRecord& record) {
  tasks_->run([this, record] {
    const auto alive = mesh::probe(record.link_address, kProbe);
    if (!alive || alive->boot != record.boot) return;
    const std::string text = fmt::format("{} is also run by host {} at {} boot={}", record.id, record.host,
                                         record.link_address, record.boot);
    // Both see each other: exactly one of them gives way.
    if (boot_ > record.boot) {
      fail(text + "; this host gives way: start it with another --index or --group");
    } else {
      logger().error("{}; that host has to give way", text);
    }
  });
}

// Both run on: their services have other ids. What goes by the name reaches both.
void Gateway::on_same_name(const discovery::ServiceRecord& record) {
  tasks_->run([this, record] {
    const auto alive = mesh::probe(record.link_address, kProbe);
    if (!alive || alive->boot != record.boot) return;
    logger().error(
        "another host, which runs {} at {}, is named {} as well: both take the settings of cellmesh/config/host/{}/ "
        "and "
        "the plugins of {}, and no third host links to both; give each a --name of its own",
        record.id, record.link_address, bootstrap_.name, bootstrap_.name, plugins_key());
  });
}

void Gateway::update_role(const std::vector<plugin::Manifest>& manifests) {
  auto role = access_role(bootstrap_.name, manifests);
  role.needs.merge(settings_->kinds());
  role.list_in_kv = !bootstrap_.plugins;
  discovery_->set_role(std::move(role));
}

void Gateway::update_kinds(const plugin::Manifest* loading) {
  std::set<std::string> needed{"hub"};
  std::set<std::string> provided;
  std::set<std::string> own;
  const auto add = [&](const plugin::Manifest& manifest) {
    needed.insert(manifest.requires_kinds.begin(), manifest.requires_kinds.end());
    provided.insert(manifest.provides.begin(), manifest.provides.end());
  };
  std::vector<plugin::Manifest> manifests;
  for (const auto& info : plugins_->list()) manifests.push_back(info.manifest);
  if (loading != nullptr) manifests.push_back(*loading);
  for (const auto& manifest : manifests) add(manifest);
  needed.merge(settings_->kinds());
  update_role(manifests);
  bool routes = false;
  const auto services = registry_.snapshot();
  for (const auto& entry : services->entries) {
    if (!entry.host.empty()) continue;
    own.insert(std::string(names_.service_id(entry.ref)));
    routes = routes || entry.gateway;
  }
  if (routes) {
    const auto table = routes_.table();
    for (const auto kind : table->kinds) needed.insert(std::string(names_.kind_name(kind)));
  }
  peers_->set_own(std::move(own));
  peers_->set_kinds(std::move(needed), std::move(provided));
}

}  // namespace cm::gateway
