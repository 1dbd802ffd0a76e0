#include "gateway/plugin_set.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace cm::gateway {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

auto& logger() { return base::log(base::Room::gateway); }

}  // namespace

PluginSet::PluginSet(TaskThread& thread, Actions actions) : thread_(thread), actions_(std::move(actions)) {}

base::Result<std::vector<std::string>> PluginSet::parse(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), part.size() + 1));
    const auto first = part.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) continue;
    part = part.substr(first, part.find_last_not_of(" \t\r\n") - first + 1);
    const bool plain = std::all_of(part.begin(), part.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
             c == '.';
    });
    if (!plain || part.front() == '.' || part.size() > 100) {
      return base::error(
          "\"" + std::string(part.substr(0, 100)) +
          "\" is no plugin's name; write names of files in the plugin folder without .so, e.g. agent,login");
    }
    if (!contains(names, std::string(part))) names.emplace_back(part);
  }
  return names;
}

void PluginSet::want(std::vector<std::string> names, Done done) {
  thread_.run([this, names = std::move(names), done = std::move(done)] {
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(refused_, [&](const auto& refused) { return !contains(names, refused.first); });
    }
    base::Status first{};
    const auto keep_first = [&first](base::Status status) {
      if (!status && first) first = std::move(status);
    };
    const auto before = actions_.loaded();
    for (auto it = before.rbegin(); it != before.rend(); ++it) {
      if (!contains(names, *it)) keep_first(unload_now(*it));
    }
    const auto loaded = actions_.loaded();
    for (const auto& name : names) {
      if (!contains(loaded, name)) keep_first(load_now(name));
    }
    done(std::move(first));
  });
}

void PluginSet::load(const std::string& name, Done done) {
  thread_.run([this, name, done = std::move(done)] { done(load_now(name)); });
}

void PluginSet::unload(const std::string& name, Done done) {
  thread_.run([this, name, done = std::move(done)] { done(unload_now(name)); });
}

std::map<std::string, std::string> PluginSet::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

base::Status PluginSet::load_now(const std::string& name) {
  auto status = actions_.load(name);
  const std::lock_guard lock(mutex_);
  if (status) {
    refused_.erase(name);
  } else {
    logger().error("plugin {} is refused: {}", name, status.error().text);
    refused_[name] = status.error().text;
  }
  return status;
}

base::Status PluginSet::unload_now(const std::string& name) {
  auto status = actions_.unload(name);
  if (!status) logger().warn("plugin {} stays loaded: {}", name, status.error().text);
  return status;
}

}  // namespace cm::gateway
