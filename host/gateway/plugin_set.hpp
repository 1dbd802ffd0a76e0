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

// Brings the loaded plugins to what is wanted, one step after the other on the task thread. A plugin that was refused
// is not tried again until somebody asks. [any thread]
class PluginSet {
 public:
  struct Actions {
    std::function<base::Status(const std::string& name)> load;
    std::function<base::Status(const std::string& name)> unload;
    std::function<std::vector<std::string>()> loaded;  // in the order they were loaded
  };
  using Done = std::function<void(base::Status)>;

  PluginSet(TaskThread& thread, Actions actions);

  // The names in the KV's form: `agent,login`.
  static base::Result<std::vector<std::string>> parse(std::string_view list);

  // Unloads what is not in `names`, last loaded first, then loads what is missing, in order. `done` gets the first
  // refusal; the others are loaded all the same. [done: task thread]
  void want(std::vector<std::string> names, Done done);
  void load(const std::string& name, Done done);
  void unload(const std::string& name, Done done);

  // What was refused last, by name, with why.
  [[nodiscard]] std::map<std::string, std::string> refused() const;

 private:
  base::Status load_now(const std::string& name);
  base::Status unload_now(const std::string& name);

  TaskThread& thread_;
  const Actions actions_;
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, std::string> refused_;
};

}  // namespace cm::gateway
