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

PluginSet::PluginSet(TaskThread& thread, Actions actions, Pauses pauses)
    : thread_(thread), actions_(std::move(actions)), pauses_(pauses) {}

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
    std::vector<std::string> gone;
    {
      const std::lock_guard lock(mutex_);
      wanted_ = names;
      for (const auto& [wanted, refused] : refused_) {
        if (!contains(names, wanted)) gone.push_back(wanted);
      }
    }
    for (const auto& wanted : gone) forget(wanted);
    if (!settled_) tell();
    base::Status first{};
    const auto keep_first = [&first](base::Status status) {
      if (!status && first) first = std::move(status);
    };
    const auto before = actions_.loaded();
    for (auto it = before.rbegin(); it != before.rend(); ++it) {
      const bool wanted = std::any_of(names.begin(), names.end(),
                                      [&](const auto& name) { return WantedPlugin::parse(name).name == it->name; });
      if (!wanted) keep_first(unload_now(it->name));
    }
    for (const auto& name : names) {
      keep_first(bring(name));
      if (!settled_) tell();
    }
    settled_ = true;
    tell();
    look_later();
    done(std::move(first));
  });
}

void PluginSet::add(const std::string& name) {
  thread_.run([this, name] {
    {
      const std::lock_guard lock(mutex_);
      if (!contains(wanted_, name)) wanted_.push_back(name);
    }
    (void)bring(name);
    tell();
    look_later();
  });
}

void PluginSet::load(const std::string& name, Done done) {
  thread_.run([this, name, done = std::move(done)] {
    const auto loaded = actions_.loaded();
    if (std::any_of(loaded.begin(), loaded.end(), [&](const auto& plugin) { return plugin.name == name; })) {
      done(actions_.load(WantedPlugin::parse(name)).status);  // which says why not, and changes nothing
      return;
    }
    auto status = try_once(name, actions_.load);
    if (status) {
      const std::lock_guard lock(mutex_);
      if (!contains(wanted_, name)) wanted_.push_back(name);
    }
    tell();
    look_later();
    done(std::move(status));
  });
}

void PluginSet::unload(const std::string& name, Done done) {
  thread_.run([this, name, done = std::move(done)] {
    const auto loaded = actions_.loaded();
    const bool is_loaded =
        std::any_of(loaded.begin(), loaded.end(), [&](const auto& plugin) { return plugin.name == name; });
    base::Status status{};
    if (is_loaded || !is_wanted(name)) status = unload_now(name);
    std::vector<std::string> gone;
    if (status) {
      const std::lock_guard lock(mutex_);
      const auto is_it = [&](const std::string& wanted) { return WantedPlugin::parse(wanted).name == name; };
      std::erase_if(wanted_, is_it);
      for (const auto& [wanted, refused] : refused_) {
        if (is_it(wanted)) gone.push_back(wanted);
      }
    }
    for (const auto& wanted : gone) forget(wanted);
    if (status && is_loaded) bring_refused();  // it may have been in their way
    tell();
    done(std::move(status));
  });
}

void PluginSet::retry(const std::string& name) {
  thread_.run([this, name] {
    std::vector<std::string> again;
    {
      const std::lock_guard lock(mutex_);
      for (auto& [wanted, refused] : refused_) {
        if (WantedPlugin::parse(wanted).name != name || !contains(wanted_, wanted)) continue;
        refused.backoff.reset();
        again.push_back(wanted);
      }
    }
    for (const auto& wanted : again) (void)bring(wanted);
    tell();
    look_later();
  });
}

void PluginSet::look_later() {
  if (look_due_) return;
  const auto now = Clock::now();
  std::optional<Clock::duration> soonest;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [wanted, refused] : refused_) {
      if (!contains(wanted_, wanted)) continue;
      Clock::duration wait = pauses_.look;
      if (refused.next_try) wait = std::min(wait, std::max(Clock::duration{}, *refused.next_try - now));
      soonest = std::min(soonest.value_or(wait), wait);
    }
  }
  if (!soonest) return;
  look_due_ = true;
  thread_.run_after(std::chrono::ceil<std::chrono::milliseconds>(*soonest), [this] {
    look_due_ = false;
    look();
  });
}

// Tries what may be tried again now.
void PluginSet::look() {
  std::vector<std::pair<std::string, std::string>> waiting;  // with the state of the file at the last attempt
  std::vector<std::string> due;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    for (const auto& [wanted, refused] : refused_) {
      if (!contains(wanted_, wanted)) continue;
      if (refused.next_try && *refused.next_try <= now) {
        due.push_back(wanted);
      } else {
        waiting.emplace_back(wanted, refused.file_state);
      }
    }
  }
  for (const auto& [wanted, state] : waiting) {
    if (actions_.file_state(WantedPlugin::parse(wanted)) == state) continue;
    {
      const std::lock_guard lock(mutex_);
      if (const auto it = refused_.find(wanted); it != refused_.end()) it->second.backoff.reset();
    }
    due.push_back(wanted);
  }
  for (const auto& wanted : due) (void)bring(wanted);
  if (!due.empty()) tell();
  look_later();
}

bool PluginSet::follow(const WantedPlugin& plugin) {
  const std::lock_guard lock(mutex_);
  for (auto& text : wanted_) {
    const auto wanted = WantedPlugin::parse(text);
    if (wanted.name != plugin.name || wanted.version.empty() || wanted.version == plugin.version) continue;
    refused_.erase(text);
    text = plugin.text();
    return true;
  }
  return false;
}

std::vector<std::string> PluginSet::wanted() const {
  const std::lock_guard lock(mutex_);
  return wanted_;
}

std::map<std::string, PluginSet::Refusal> PluginSet::refused() const {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  std::map<std::string, Refusal> all;
  for (const auto& [name, refused] : refused_) {
    Refusal& shown = all[name];
    shown = {refused.why, {}, refused.attempts, contains(wanted_, name)};
    if (!shown.wanted || !refused.next_try) continue;
    shown.next_try = std::chrono::ceil<std::chrono::milliseconds>(std::max(Clock::duration{}, *refused.next_try - now));
  }
  return all;
}

std::string PluginSet::missing() const {
  const auto loaded = actions_.loaded();
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& text : wanted_) {
    const auto wanted = WantedPlugin::parse(text);
    const auto refused = refused_.find(text);
    const bool serves = std::any_of(loaded.begin(), loaded.end(), [&](const auto& plugin) {
      return plugin.name == wanted.name && (wanted.version.empty() || wanted.version == plugin.version);
    });
    if (serves && refused == refused_.end()) continue;
    if (!all.empty()) all += "; ";
    all +=
        "plugin " + text + (refused != refused_.end() ? " is refused: " + refused->second.why : " is not loaded yet");
  }
  return all;
}

bool PluginSet::is_wanted(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(wanted_.begin(), wanted_.end(),
                     [&](const auto& wanted) { return WantedPlugin::parse(wanted).name == name; });
}

void PluginSet::forget(const std::string& wanted) {
  {
    const std::lock_guard lock(mutex_);
    refused_.erase(wanted);
  }
  actions_.forget(WantedPlugin::parse(wanted).name);
}

void PluginSet::bring_refused() {
  std::vector<std::string> again;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [wanted, refused] : refused_) {
      if (contains(wanted_, wanted)) again.push_back(wanted);
    }
  }
  for (const auto& wanted : again) (void)bring(wanted);
  look_later();
}

void PluginSet::tell() const {
  if (actions_.changed) actions_.changed();
}

base::Status PluginSet::bring(const std::string& wanted) {
  const auto plugin = WantedPlugin::parse(wanted);
  const auto loaded = actions_.loaded();
  const auto there =
      std::find_if(loaded.begin(), loaded.end(), [&](const auto& other) { return other.name == plugin.name; });
  if (there == loaded.end()) return try_once(wanted, actions_.load);
  if (!plugin.version.empty() && plugin.version != there->version) return try_once(wanted, actions_.reload);
  const std::lock_guard lock(mutex_);
  refused_.erase(wanted);
  return {};
}

base::Status PluginSet::try_once(const std::string& wanted, const std::function<Outcome(const WantedPlugin&)>& action) {
  const auto plugin = WantedPlugin::parse(wanted);
  const std::string state = actions_.file_state(plugin);
  Outcome outcome = action(plugin);
  {
    const std::lock_guard lock(mutex_);
    if (outcome.status) {
      refused_.erase(wanted);
    } else {
      Refused& refused = refused_.try_emplace(wanted, pauses_).first->second;
      const std::string& why = outcome.status.error().text;
      const bool news = refused.attempts++ == 0 || refused.why != why;
      refused.why = why;
      refused.file_state = state;
      refused.next_try.reset();
      std::string next = "it is tried again when its file changes";
      if (!contains(wanted_, wanted)) {
        next = "it is not wanted, and not tried again";
      } else if (!outcome.lasting) {
        const auto pause = refused.backoff.next();
        refused.next_try = Clock::now() + pause;
        next = "it is tried again in " + std::to_string(pause.count()) + " ms";
      }
      logger().log(news ? spdlog::level::err : spdlog::level::debug, "plugin {} is refused: {}; {}", wanted, why, next);
    }
  }
  return std::move(outcome.status);
}

base::Status PluginSet::unload_now(const std::string& name) {
  auto status = actions_.unload(name);
  if (!status) logger().warn("plugin {} stays loaded: {}", name, status.error().text);
  return status;
}

}  // namespace cm::gateway
