#include "gateway/plugin_set.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/operator_text.hpp"

namespace cm::gateway {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

auto logger() { return base::log(base::Room::gateway); }

}  // namespace

WantedPlugin WantedPlugin::parse(const std::string& text) {
  const auto at = text.find('@');
  if (at == std::string::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

PluginSet::PluginSet(TaskThread& thread, Actions actions) : thread_(thread), actions_(std::move(actions)) {}

base::Result<std::vector<std::string>> PluginSet::parse(std::string_view text) {
  const auto clean = base::clean_text(text);
  if (!clean) return base::error(clean.error().text + "; names have commas between them: agent,login");
  std::vector<std::string> names;
  for (std::string_view list = *clean; !list.empty();) {
    std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), part.size() + 1));
    part = base::trimmed(part);
    if (part.empty()) continue;
    const bool plain = std::all_of(part.begin(), part.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
             c == '.' || c == '@';
    });
    const auto wanted = WantedPlugin::parse(std::string(part));
    if (!plain || part.front() == '.' || part.size() > 100 || wanted.name.empty() || part.back() == '@' ||
        wanted.version.find('@') != std::string::npos) {
      return base::error(
          "\"" + std::string(part.substr(0, 100)) +
          "\" is no plugin's name; write names of files in the plugin folder without .so, or name and version, e.g. "
          "agent,login,game@1.2.0");
    }
    const auto same = std::find_if(names.begin(), names.end(),
                                   [&](const auto& name) { return WantedPlugin::parse(name).name == wanted.name; });
    if (same == names.end()) {
      names.emplace_back(part);
    } else if (*same != part) {
      return base::error("\"" + wanted.name + "\" stands there as " + *same + " and as " + std::string(part) +
                         "; a host runs one version of a plugin");
    }
  }
  return names;
}

void PluginSet::want(std::vector<std::string> names, Done done) {
  thread_.run([this, names = std::move(names), done = std::move(done)] {
    {
      const std::lock_guard lock(mutex_);
      wanted_ = names;
      std::erase_if(refused_, [&](const auto& refused) { return !contains(names, refused.first); });
    }
    base::Status first{};
    const auto keep_first = [&first](base::Status status) {
      if (!status && first) first = std::move(status);
    };
    const auto find = [](const std::vector<WantedPlugin>& all, const std::string& name) {
      return std::find_if(all.begin(), all.end(), [&](const auto& plugin) { return plugin.name == name; });
    };
    std::vector<WantedPlugin> wanted;
    for (const auto& name : names) wanted.push_back(WantedPlugin::parse(name));
    const auto before = actions_.loaded();
    for (auto it = before.rbegin(); it != before.rend(); ++it) {
      if (find(wanted, it->name) == wanted.end()) keep_first(unload_now(it->name));
    }
    const auto loaded = actions_.loaded();
    for (const auto& plugin : wanted) {
      const auto there = find(loaded, plugin.name);
      if (there == loaded.end()) {
        keep_first(load_now(plugin.text()));
      } else if (!plugin.version.empty() && plugin.version != there->version) {
        keep_first(keep_refusal(plugin.text(), actions_.reload(plugin)));
      }
    }
    done(std::move(first));
  });
}

void PluginSet::load(const std::string& name, Done done) {
  thread_.run([this, name, done = std::move(done)] {
    auto status = load_now(name);
    if (status) {
      const std::lock_guard lock(mutex_);
      if (!contains(wanted_, name)) wanted_.push_back(name);
    }
    done(std::move(status));
  });
}

void PluginSet::unload(const std::string& name, Done done) {
  thread_.run([this, name, done = std::move(done)] {
    auto status = unload_now(name);
    if (status) {
      const std::lock_guard lock(mutex_);
      std::erase_if(wanted_, [&](const auto& wanted) { return WantedPlugin::parse(wanted).name == name; });
    }
    done(std::move(status));
  });
}

bool PluginSet::follow(const WantedPlugin& plugin) {
  const std::lock_guard lock(mutex_);
  for (auto& text : wanted_) {
    const auto wanted = WantedPlugin::parse(text);
    if (wanted.name != plugin.name || wanted.version.empty() || wanted.version == plugin.version) continue;
    text = plugin.text();
    return true;
  }
  return false;
}

std::vector<std::string> PluginSet::wanted() const {
  const std::lock_guard lock(mutex_);
  return wanted_;
}

std::map<std::string, std::string> PluginSet::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

base::Status PluginSet::load_now(const std::string& wanted) {
  return keep_refusal(wanted, actions_.load(WantedPlugin::parse(wanted)));
}

base::Status PluginSet::keep_refusal(const std::string& wanted, base::Status status) {
  const std::lock_guard lock(mutex_);
  if (status) {
    refused_.erase(wanted);
  } else {
    logger().error("plugin {} is refused: {}", wanted, status.error().text);
    refused_[wanted] = status.error().text;
  }
  return status;
}

base::Status PluginSet::unload_now(const std::string& name) {
  auto status = actions_.unload(name);
  if (!status) logger().warn("plugin {} stays loaded: {}", name, status.error().text);
  return status;
}

}  // namespace cm::gateway
