#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "gateway/task_thread.hpp"

namespace cm::gateway {

// A plugin as a list names it: `game`, in whatever version it is there, or `game@1.2.0`.
struct WantedPlugin {
  std::string name;
  std::string version;  // empty: any

  static WantedPlugin parse(const std::string& text);
  [[nodiscard]] std::string text() const { return version.empty() ? name : name + "@" + version; }
};

// Brings the loaded plugins to what is wanted, one step after the other on the task thread. A plugin that was refused
// is not tried again until somebody asks. [any thread]
class PluginSet {
 public:
  struct Actions {
    std::function<base::Status(const WantedPlugin& plugin)> load;
    std::function<base::Status(const std::string& name)> unload;
    std::function<base::Status(const WantedPlugin& plugin)> reload;  // it is loaded, in another version
    std::function<std::vector<WantedPlugin>()> loaded;               // in the order they were loaded
  };
  using Done = std::function<void(base::Status)>;

  PluginSet(TaskThread& thread, Actions actions);

  // The names in the KV's form: `agent,login,game@1.2.0`.
  static base::Result<std::vector<std::string>> parse(std::string_view list);

  // Unloads what is not in `names`, last loaded first, then reloads what is there in another version, and loads what is
  // missing, in order. `done` gets the first refusal; the others are loaded all the same. [done: task thread]
  void want(std::vector<std::string> names, Done done);
  void load(const std::string& name, Done done);
  void unload(const std::string& name, Done done);

  // A plugin runs in another version now: true when that changed what is wanted, because it was wanted in another one.
  bool follow(const WantedPlugin& plugin);
  // What was wanted last, with what was loaded and unloaded by hand since.
  [[nodiscard]] std::vector<std::string> wanted() const;
  // What was refused last, by name, with why.
  [[nodiscard]] std::map<std::string, std::string> refused() const;

 private:
  base::Status load_now(const std::string& wanted);
  base::Status unload_now(const std::string& name);
  base::Status keep_refusal(const std::string& wanted, base::Status status);

  TaskThread& thread_;
  const Actions actions_;
  mutable std::mutex mutex_;  // guards all below
  std::vector<std::string> wanted_;
  std::map<std::string, std::string> refused_;
};

}  // namespace cm::gateway
