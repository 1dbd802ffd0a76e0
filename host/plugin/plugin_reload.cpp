// A plugin's way from one generation to the next: read -> copy -> rehearse -> open -> prepare -> switch -> close. A
// failure at any step leaves the old generation serving. Loader thread.
#include <algorithm>
#include <ranges>
#include <utility>

#include "base/log.hpp"
#include "plugin/plugin_manager.hpp"
#include "plugin/registry_ears.hpp"
#include "plugin/rehearsal.hpp"
#include "plugin/service.hpp"
#include "plugin/settings_feed.hpp"

namespace cm::plugin {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxGenerations = 3;
constexpr std::size_t kMaxPinned = 16;  // that stay in memory until the host ends

}  // namespace

class PluginManager::Reload {
 public:
  Reload(PluginManager& manager, Loaded& plugin, bool back) : m_(manager), plugin_(plugin), back_(back) {
    report_.plugin = plugin.name;
    report_.from = report_.to = plugin.current->number();
    report_.from_version = report_.to_version = plugin.current->manifest().version;
  }

  // `original`: where the file came from, if it is itself a copy.
  ReloadReport run(const fs::path& file, const fs::path& original) {
    file_ = file;
    original_ = original;
    label_ = back_ ? "the version before" : file.filename().string();
    auto status = step("read", [&] { return read(); });
    if (status) status = step("copy", [&] { return copy_state(); });
    if (status) status = step("rehearse", [&] { return rehearse(); });
    if (status) status = step("open", [&] { return open(); });
    if (status) status = step("prepare", [&] { return prepare(); });
    if (status) status = step("switch", [&] { return switch_over(); });
    if (status) {
      (void)step("close", [&] { return close(); });
      log_done();
    } else {
      give_up();
      report_.status = status;
    }
    return std::move(report_);
  }

 private:
  template <class Work>
  base::Status step(const char* name, Work&& work) {
    const auto begin = Clock::now();
    note_.clear();
    auto status = work();
    report_.steps.push_back(
        {name, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin), std::move(note_)});
    return status;
  }

  base::Status read() {
    std::size_t live = 1;
    std::size_t pinned = 0;
    std::string held;
    for (const auto& closing : plugin_.closing) {
      const Generation& g = *closing.generation;
      ++(g.closed() ? pinned : live);
      if (!g.closed()) held += " generation " + std::to_string(g.number()) + " (" + std::to_string(g.jobs()) + " jobs)";
    }
    if (live >= kMaxGenerations) {
      return base::error(plugin_.name + " has " + std::to_string(live) +
                         " generations that are in use, and no more are loaded; wait for what holds them:" + held);
    }
    if (pinned >= kMaxPinned) {
      return base::error(
          std::to_string(pinned) + " generations of " + plugin_.name +
          " could not be unmapped; restart the host, and see `cellmesh ctl plugins` for what holds them");
    }
    auto checked = m_.check(file_, &plugin_);
    if (!checked) return checked.error();
    checked_ = std::move(*checked);
    note_ = "version " + checked_->manifest->version;
    return {};
  }

  base::Status copy_state() {
    std::size_t rows = 0;
    std::size_t bytes = 0;
    for (const auto& service : plugin_.services) {
      takeovers_.push_back(std::make_shared<Takeover>(service));
      auto& takeover = *takeovers_.back();
      if (auto status = takeover.copy_state(); !status) return status;
      rows += takeover.state().rows();
      bytes += takeover.state().bytes();
    }
    note_ = std::to_string(bytes) + " bytes, " + std::to_string(rows) + " rows";
    return {};
  }

  base::Status rehearse() {
    if (m_.config_.rehearsal_program.empty()) return {};
    std::vector<RehearsedService> services;
    std::vector<StateCopy> merged;
    merged.reserve(takeovers_.size());
    for (const auto& takeover : takeovers_) {
      const std::string& kind = takeover->service().kind();
      const StateCopy* state = &takeover->state();
      if (back_) {
        merged.push_back(*state);
        merged.back().message = merging(kind)(state->message);
        state = &merged.back();
      }
      auto settings = settings_for(kind);
      if (!settings) return settings.error();
      services.push_back({kind, std::move(*settings), state, &takeover->waiting()});
    }
    return plugin::rehearse(m_.config_.rehearsal_program, checked_->copy->file(), label_, m_.config_.identity, services,
                            m_.config_.rehearsal_time);
  }

  base::Status open() {
    auto opened = m_.open(*std::exchange(checked_, std::nullopt), original_, plugin_.last_number + 1);
    if (!opened) return opened.error();
    next_ = std::move(*opened);
    ++plugin_.last_number;
    if (auto status = next_->init(); !status) return base::error(label_ + " is refused: " + status.error().text);
    return {};
  }

  base::Status prepare() {
    for (const auto& takeover : takeovers_) {
      const std::string& kind = takeover->service().kind();
      auto settings = settings_for(kind);
      if (!settings) return settings.error();
      given_[kind] = std::move(*settings);
      if (auto status = takeover->prepare(next_, given_[kind]); !status) return status;
    }
    return {};
  }

  base::Status switch_over() {
    const auto gate = std::make_shared<SwitchGate>(takeovers_.size());
    Probation probation{std::chrono::seconds(0), 0};
    if (!back_) {
      const std::lock_guard lock(m_.mutex_);
      probation = m_.probation_;
    }
    for (const auto& takeover : takeovers_) {
      takeover->begin_switch(gate, probation, back_ ? merging(takeover->service().kind()) : Takeover::Edit());
    }
    base::Status first;
    for (const auto& takeover : takeovers_) {
      auto status = takeover->end_switch();
      if (!status && first) first = std::move(status);
      report_.pause = std::max(report_.pause, takeover->pause());
    }
    if (!first) return first;
    note_ = "no message handled for " + std::to_string(report_.pause.count()) + " us";
    settled();
    return {};
  }

  // All services have switched: what stands beside them follows.
  void settled() {
    old_ = plugin_.current;
    {
      const std::lock_guard lock(m_.mutex_);
      plugin_.current = next_;
      plugin_.closing.push_back({old_, {}});
    }
    report_.to = next_->number();
    report_.to_version = next_->manifest().version;
    for (const auto& takeover : takeovers_) {
      const std::string& kind = takeover->service().kind();
      const auto* declared = next_->manifest().settings_of(kind);
      auto& feed = plugin_.feeds[kind];
      if (declared == nullptr) {
        feed.reset();
      } else if (feed != nullptr) {
        feed->declare(*declared, *given_[kind]);
      } else {
        feed = m_.make_feed(*declared);
        feed->connect(takeover->service().mailbox());
      }
      if (!feed) plugin_.feeds.erase(kind);
    }
    if (m_.hooks_.reloaded) m_.hooks_.reloaded(old_->manifest(), next_->manifest());
  }

  base::Status close() {
    keep_before();
    for (const auto& takeover : takeovers_) takeover->clean_up();
    takeovers_.clear();
    m_.sweep(plugin_);
    for (const auto& closing : plugin_.closing) {
      if (closing.generation != old_) continue;
      note_ = closing.pinned_by.empty()
                  ? "generation " + std::to_string(old_->number()) + " is still in use"
                  : "generation " + std::to_string(old_->number()) + " stays in memory, held by " + closing.pinned_by;
    }
    return {};
  }

  void keep_before() {
    plugin_.before.reset();
    if (back_ || old_->copy() == nullptr) return;
    Before before{old_->copy(), old_->file(), old_->manifest().version, {}};
    for (const auto& takeover : takeovers_) before.messages[takeover->service().kind()] = takeover->saved_message();
    plugin_.before = std::move(before);
  }

  void give_up() {
    bool hangs = false;
    for (const auto& takeover : takeovers_) {
      takeover->abandon();
      hangs = hangs || takeover->hangs();
    }
    takeovers_.clear();
    checked_.reset();
    if (!next_ || next_ == plugin_.current) return;
    if (hangs || next_->services != 0) {
      next_->leave_loaded();
    } else if (!next_->close()) {
      const std::lock_guard lock(m_.mutex_);
      plugin_.closing.push_back({next_, {}});  // the next sweep tells why
    }
  }

  void log_done() const {
    base::log(base::Room::plugin)
        .info("{} a plugin{} from_version={} from_generation={} pause_us={}", back_ ? "rolled back" : "reloaded",
              next_->label(), base::log_value(report_.from_version), report_.from, report_.pause.count());
  }

  // Nothing for a kind without settings.
  base::Result<std::optional<std::string>> settings_for(const std::string& kind) {
    const auto& manifest = next_ ? next_->manifest() : *checked_->manifest;
    const auto* declared = manifest.settings_of(kind);
    if (declared == nullptr) return std::optional<std::string>();
    const auto feed = plugin_.feeds.find(kind);
    auto values = feed != plugin_.feeds.end() && feed->second
                      ? feed->second->preview(*declared)
                      : SettingsFeed::preview(m_.settings_, *declared, m_.instance(), m_.overrides_of(kind));
    if (!values) return base::error(label_ + " is refused: " + values.error().text);
    return std::optional<std::string>(std::move(*values));
  }

  // Used on a service's thread, where a hook may outlast the reload.
  [[nodiscard]] Takeover::Edit merging(const std::string& kind) const {
    const auto had = plugin_.before->messages.find(kind);
    return [kind, newer = plugin_.current,
            before = had != plugin_.before->messages.end() ? had->second : std::string()](const std::string& message) {
      const Manifest& manifest = newer->manifest();
      return merge_message(before, message, manifest.descriptors, manifest.state_of(kind));
    };
  }

  PluginManager& m_;
  Loaded& plugin_;
  const bool back_;
  ReloadReport report_;
  std::string note_;
  fs::path file_;
  fs::path original_;
  std::string label_;
  std::optional<Checked> checked_;
  std::vector<std::shared_ptr<Takeover>> takeovers_;
  std::shared_ptr<Generation> next_;
  std::shared_ptr<Generation> old_;
  std::map<std::string, std::optional<std::string>> given_;  // settings, by kind
};

ReloadReport PluginManager::reload(const std::string& name, const std::string& path_or_name) {
  const std::lock_guard turn(turn_);
  ReloadReport refused;
  refused.plugin = name;
  if (stopping_.stop_requested()) {
    refused.status = base::error("the host is going down; no plugin is reloaded any more");
    return refused;
  }
  const auto plugin = find_loaded(name);
  if (!plugin) {
    refused.status = plugin.error();
    return refused;
  }
  const auto file = path_or_name.empty() ? base::Result<fs::path>((*plugin)->current->file()) : find(path_or_name);
  if (!file) {
    refused.status = file.error();
    return refused;
  }
  sweep(**plugin);
  auto report = Reload(*this, **plugin, false).run(*file, *file);
  if (!report.status) {
    base::log(base::Room::plugin)
        .error("refused to reload a plugin, generation {} goes on: {} plugin={}", report.from,
               report.status.error().text, name);
  }
  return report;
}

ReloadReport PluginManager::rollback(const std::string& name, std::uint64_t generation) {
  const std::lock_guard turn(turn_);
  ReloadReport refused;
  refused.plugin = name;
  const auto plugin = find_loaded(name);
  if (!plugin) {
    refused.status = plugin.error();
  } else if (generation != 0 && (*plugin)->current->number() != generation) {
    refused.status =
        base::error("generation " + std::to_string(generation) + " of " + name + " does not serve any more");
  } else if (!(*plugin)->before) {
    refused.status =
        base::error("there is no version of " + name +
                    " to go back to: it was not reloaded, or was rolled back already; reload it from a file");
  }
  if (!refused.status) return refused;
  sweep(**plugin);
  const auto copy = (*plugin)->before->copy;
  loader_.maintain();
  auto report = Reload(*this, **plugin, true).run(copy->file(), (*plugin)->before->original);
  if (!report.status) {
    base::log(base::Room::plugin)
        .error("could not roll back a plugin, generation {} goes on: {} plugin={}", report.from,
               report.status.error().text, name);
  }
  return report;
}

}  // namespace cm::plugin
