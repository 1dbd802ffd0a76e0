#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.hpp"
#include "discovery/settings.hpp"
#include "plugin/mailbox.hpp"
#include "plugin/manifest.hpp"

namespace cm::plugin {

// Brings the values of one service's settings from the KV to its mailbox. Settings marked `restart` keep the value that
// they had at the start. Owned by the plugin manager; ends when it dies.
class SettingsFeed {
 public:
  SettingsFeed(discovery::Settings& settings, const Manifest::Settings& declared, std::string instance,
               discovery::SettingValues overrides);
  SettingsFeed(const SettingsFeed&) = delete;
  SettingsFeed& operator=(const SettingsFeed&) = delete;
  ~SettingsFeed();

  // Returns what the values would be if the settings were declared so; they stay as they are. Fails when a secret has
  // none and had none before.
  [[nodiscard]] base::Result<std::string> preview(const Manifest::Settings& declared) const;
  // The same where nothing is declared yet.
  static base::Result<std::string> preview(discovery::Settings& settings, const Manifest::Settings& declared,
                                           const std::string& instance, const discovery::SettingValues& overrides);
  // Declares them so from now on; `given` was the last preview, which the service has, unless it was told of a change
  // since, in the words of the declaration before.
  void declare(const Manifest::Settings& declared, const std::string& given);
  // Waits for the first values, serialized. Fails when they did not come in time, and when a secret has no value: the
  // file that holds it may come later.
  base::Result<std::string> first(std::chrono::milliseconds patience, std::stop_token interrupt);
  // Its service was not started: from now on `changed` is called, once, when any value differs from what first() gave,
  // those that are read at the start too. At once if one does already. [changed: discovery's thread, or this one]
  void when_changed(std::function<void()> changed);
  // Later changes go there, also one that came meanwhile.
  void connect(std::shared_ptr<Mailbox> mailbox);

 private:
  // Shared with the callback, which may run while the feed dies.
  struct State {
    std::vector<discovery::SettingField> fields;  // constant
    std::mutex mutex;                             // guards all below
    bool over = false;                            // another one took its place
    std::condition_variable_any first_came;
    std::optional<discovery::SettingValues> at_start;  // those read at the start only; of the others, as they are
    bool known = false;
    std::string unusable;                           // why there are no values yet
    std::optional<discovery::SettingValues> tried;  // what the start was made with, or the first to come
    discovery::SettingValues newest;                // as they are in the KV
    std::function<void()> when_changed;
    std::string bytes;
    bool changed = false;  // since first()
    bool told = false;     // the mailbox, since preview()
    std::shared_ptr<Mailbox> mailbox;

    void on_change(const discovery::Settings::Change& change);
    void take(base::Result<discovery::SettingValues> values);
    // Takes the callback if a value differs from what was tried. Under the mutex.
    std::function<void()> take_callback();
  };

  void watch();
  // Those that are read at the start only, as they were then.
  static void keep_at_start(const std::vector<discovery::SettingField>& fields,
                            const discovery::SettingValues& at_start, discovery::SettingValues& values);
  // The change's values; those of secrets that cannot be used are as they were, if they were ever there.
  static base::Result<discovery::SettingValues> usable(const discovery::Settings::Change& change,
                                                       const std::optional<discovery::SettingValues>& at_start);

  discovery::Settings& settings_;
  const std::string kind_;
  const std::string instance_;
  const discovery::SettingValues overrides_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace cm::plugin
