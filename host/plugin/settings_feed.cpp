#include "plugin/settings_feed.hpp"

#include <algorithm>
#include <utility>

namespace cm::plugin {

SettingsFeed::SettingsFeed(discovery::Settings& settings, const Manifest::Settings& declared, std::string instance,
                           discovery::SettingValues overrides)
    : settings_(settings), kind_(declared.kind), instance_(std::move(instance)) {
  state_->fields = declared.fields;
  settings_.declare(kind_, instance_, declared.fields, std::move(overrides),
                    [state = state_](const auto& change) { state->on_change(change); });
}

SettingsFeed::~SettingsFeed() {
  settings_.undeclare(kind_, instance_);
  const std::lock_guard lock(state_->mutex);
  state_->mailbox.reset();
}

void SettingsFeed::State::on_change(const discovery::Settings::Change& change) {
  const std::lock_guard lock(mutex);
  auto values = change.values;
  if (!at_start) {
    at_start = values;
  } else {
    for (const auto& field : fields) {
      if (field.restart) values[field.name] = (*at_start)[field.name];
    }
  }
  auto now = discovery::encode_settings(fields, values);
  if (known && now == bytes) return;  // what changed waits for the next start
  bytes = std::move(now);
  if (!std::exchange(known, true)) {
    first_came.notify_all();
  } else if (mailbox) {
    mailbox->settings_changed(bytes);
  } else {
    changed = true;
  }
}

std::optional<std::string> SettingsFeed::first(std::chrono::milliseconds patience, std::stop_token interrupt) {
  std::unique_lock lock(state_->mutex);
  if (!state_->first_came.wait_for(lock, std::move(interrupt), patience, [&] { return state_->known; })) {
    return std::nullopt;
  }
  state_->changed = false;
  return state_->bytes;
}

void SettingsFeed::connect(std::shared_ptr<Mailbox> mailbox) {
  const std::lock_guard lock(state_->mutex);
  state_->mailbox = std::move(mailbox);
  if (std::exchange(state_->changed, false)) state_->mailbox->settings_changed(state_->bytes);
}

}  // namespace cm::plugin
