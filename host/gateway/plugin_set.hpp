#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/backoff.hpp"
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

// Brings the loaded plugins to what is wanted, one step after the other on the task thread. A plugin that is wanted and
// was refused is tried again: when its file changes, and unless the cause is lasting, with growing pauses and when
// somebody says that its settings changed. [any thread]
class PluginSet {
 public:
  // What became of a load or a reload.
  struct Outcome {
    base::Status status;
    bool lasting = false;  // a refusal that only another file, or another set of plugins, can change
    Outcome() = default;
    Outcome(base::Status of, bool lasts = false) : status(std::move(of)), lasting(lasts) {}
    Outcome(base::Error of, bool lasts = false) : status(std::move(of)), lasting(lasts) {}
  };
  struct Actions {
    std::function<Outcome(const WantedPlugin& plugin)> load;
    std::function<base::Status(const std::string& name)> unload;
    std::function<Outcome(const WantedPlugin& plugin)> reload;  // it is loaded, in another version
    std::function<std::vector<WantedPlugin>()> loaded;          // in the order they were loaded
    // Differs when the plugin's file was changed, replaced, made or removed.
    std::function<std::string(const WantedPlugin& plugin)> file_state;
    // A plugin that was refused is not going to be tried again.
    std::function<void(const std::string& name)> forget;
    // What is wanted, loaded or refused changed. [task thread]
    std::function<void()> changed;
  };
  struct Pauses {
    std::chrono::milliseconds first{500};  // between attempts, growing up to `longest`
    std::chrono::milliseconds longest{15'000};
    std::chrono::milliseconds look{1'000};  // between looks at the files of refused plugins
  };
  struct Refusal {
    std::string why;
    // Time until the next attempt. None: it is tried again when its file changes, or not at all if it is not wanted.
    std::optional<std::chrono::milliseconds> next_try;
    unsigned attempts = 0;
    bool wanted = false;
  };
  using Done = std::function<void(base::Status)>;

  PluginSet(TaskThread& thread, Actions actions, Pauses pauses);
  PluginSet(TaskThread& thread, Actions actions) : PluginSet(thread, std::move(actions), Pauses{}) {}

  // The names in the KV's form: `agent,login,game@1.2.0`.
  static base::Result<std::vector<std::string>> parse(std::string_view list);

  // Unloads what is not in `names`, last loaded first, then reloads what is there in another version, and loads what is
  // missing, in order. `done` gets the first refusal; the others are loaded all the same. [done: task thread]
  void want(std::vector<std::string> names, Done done);
  // Wants one more plugin, which may be refused at first.
  void add(const std::string& name);
  // Loads a plugin by hand: it is wanted from then on unless it is refused.
  void load(const std::string& name, Done done);
  // Unloads a plugin, or stops trying to load it; it is not wanted any more.
  void unload(const std::string& name, Done done);
  // Tries a refused plugin again at once, because its settings changed. Does nothing if it is not refused.
  void retry(const std::string& name);

  // A plugin runs in another version now: true when that changed what is wanted, because it was wanted in another one.
  bool follow(const WantedPlugin& plugin);
  // What was wanted last, with what was loaded and unloaded by hand since.
  [[nodiscard]] std::vector<std::string> wanted() const;
  // What was refused last, as it was wanted (`game`, `game@1.2.0`).
  [[nodiscard]] std::map<std::string, Refusal> refused() const;
  // Says in one line which wanted plugins do not serve, and why. Empty if all do.
  [[nodiscard]] std::string missing() const;

 private:
  using Clock = std::chrono::steady_clock;
  // A plugin that was refused.
  struct Refused {
    explicit Refused(const Pauses& pauses) : backoff(pauses.first, pauses.longest) {}
    std::string why;
    std::string file_state;  // before the attempt
    std::optional<Clock::time_point> next_try;
    unsigned attempts = 0;
    base::Backoff backoff;
  };

  // Loads it, or reloads it when another version is there.
  base::Status bring(const std::string& wanted);
  base::Status try_once(const std::string& wanted, const std::function<Outcome(const WantedPlugin&)>& action);
  base::Status unload_now(const std::string& name);
  void forget(const std::string& wanted);
  void bring_refused();
  void look();
  void look_later();
  void tell() const;
  [[nodiscard]] bool is_wanted(const std::string& wanted) const;

  TaskThread& thread_;
  const Actions actions_;
  const Pauses pauses_;
  // Task thread only.
  bool settled_ = false;  // all that was wanted first was tried
  bool look_due_ = false;
  mutable std::mutex mutex_;  // guards all below
  std::vector<std::string> wanted_;
  std::map<std::string, Refused> refused_;
};

}  // namespace cm::gateway
