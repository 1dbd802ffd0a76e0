#include "plugin/settings_feed.hpp"

#include <algorithm>
#include <utility>

namespace cm::plugin {

SettingsFeed::SettingsFeed(discovery::Settings& settings, const Manifest::Settings& declared, std::string instance,
                           discovery::SettingValues overrides)
    : settings_(settings), kind_(declared.kind), instance_(std::move(instance)), overrides_(std::move(overrides)) {
  state_->fields = declared.fields;
  watch();
}

SettingsFeed::~SettingsFeed() {
  settings_.undeclare(kind_, instance_);
  const std::lock_guard lock(state_->mutex);
  state_->mailbox.reset();
  state_->when_changed = nullptr;
}

void SettingsFeed::watch() {
  settings_.declare(kind_, instance_, state_->fields, overrides_,
                    [state = state_](const auto& change) { state->on_change(change); });
}

void SettingsFeed::keep_at_start(const std::vector<discovery::SettingField>& fields,
                                 const discovery::SettingValues& at_start, discovery::SettingValues& values) {
  for (const auto& field : fields) {
    const auto it = at_start.find(field.name);
    if (field.restart && it != at_start.end()) values[field.name] = it->second;
  }
}

base::Result<discovery::SettingValues> SettingsFeed::usable(const discovery::Settings::Change& change,
                                                            const std::optional<discovery::SettingValues>& at_start) {
  auto values = change.values;
  for (const auto& [name, why] : change.unusable) {
    const bool known = at_start && at_start->contains(name);
    if (!known) return base::error("the secret setting " + why);
    values[name] = at_start->find(name)->second;
  }
  return values;
}

base::Result<std::string> SettingsFeed::preview(const Manifest::Settings& declared) const {
  {
    const std::lock_guard lock(state_->mutex);
    state_->told = false;
  }
  const auto change = settings_.preview(kind_, instance_, declared.fields, overrides_);
  const std::lock_guard lock(state_->mutex);
  auto values = usable(change, state_->at_start);
  if (!values) return values.error();
  if (state_->at_start) keep_at_start(declared.fields, *state_->at_start, *values);
  return discovery::encode_settings(declared.fields, *values);
}

base::Result<std::string> SettingsFeed::preview(discovery::Settings& settings, const Manifest::Settings& declared,
                                                const std::string& instance,
                                                const discovery::SettingValues& overrides) {
  auto values = usable(settings.preview(declared.kind, instance, declared.fields, overrides), std::nullopt);
  if (!values) return values.error();
  return discovery::encode_settings(declared.fields, *values);
}

void SettingsFeed::declare(const Manifest::Settings& declared, const std::string& given) {
  const auto old = std::exchange(state_, std::make_shared<State>());
  state_->fields = declared.fields;
  {
    const std::lock_guard lock(old->mutex);
    old->over = true;
    state_->at_start = std::move(old->at_start);
    state_->mailbox = std::move(old->mailbox);
    if (!old->told) state_->bytes = given;
  }
  state_->known = true;
  watch();
}

std::function<void()> SettingsFeed::State::take_callback() {
  if (!tried || newest == *tried) return {};
  return std::exchange(when_changed, {});
}

void SettingsFeed::State::on_change(const discovery::Settings::Change& change) {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex);
    if (over) return;
    auto values = usable(change, at_start);
    newest = values ? *values : change.values;
    if (!tried) tried = newest;
    callback = take_callback();
    take(std::move(values));
  }
  if (callback) callback();
}

// Under the mutex.
void SettingsFeed::State::take(base::Result<discovery::SettingValues> values) {
  if (!values) {
    unusable = values.error().text;
    first_came.notify_all();
    return;
  }
  unusable.clear();
  if (at_start) keep_at_start(fields, *at_start, *values);
  at_start = *values;
  auto now = discovery::encode_settings(fields, *values);
  if (known && now == bytes) return;  // what changed waits for the next start
  bytes = std::move(now);
  if (!std::exchange(known, true)) {
    first_came.notify_all();
  } else if (mailbox) {
    mailbox->settings_changed(bytes);
    told = true;
  } else {
    changed = true;
  }
}

base::Result<std::string> SettingsFeed::first(std::chrono::milliseconds patience, std::stop_token interrupt) {
  std::unique_lock lock(state_->mutex);
  const auto came = [&] { return state_->known || !state_->unusable.empty(); };
  if (!state_->first_came.wait_for(lock, std::move(interrupt), patience, came)) {
    return base::error("the settings of " + kind_ + " did not come from the KV within " +
                       std::to_string(patience.count()) + " ms; see that Consul can be reached, and load it again");
  }
  if (!state_->known) return base::error(state_->unusable);
  state_->changed = false;
  state_->tried = state_->newest;
  return state_->bytes;
}

void SettingsFeed::when_changed(std::function<void()> changed) {
  std::function<void()> callback;
  {
    const std::lock_guard lock(state_->mutex);
    state_->mailbox.reset();
    state_->when_changed = std::move(changed);
    callback = state_->take_callback();
  }
  if (callback) callback();
}

void SettingsFeed::connect(std::shared_ptr<Mailbox> mailbox) {
  const std::lock_guard lock(state_->mutex);
  state_->mailbox = std::move(mailbox);
  if (std::exchange(state_->changed, false)) state_->mailbox->settings_changed(state_->bytes);
}

}  // namespace cm::plugin
