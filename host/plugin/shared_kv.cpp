#include "plugin/shared_kv.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "plugin/mailbox.hpp"

namespace cm::plugin {
namespace {

constexpr std::size_t kMaxName = 200;
constexpr std::size_t kMaxValue = 16'384;  // CM_MAX_KV_VALUE

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_.@#").find(c) != std::string_view::npos;
}

// A prefix may end where it likes, a name at the end of a word.
bool good_words(std::string_view text, bool prefix) {
  if (text.size() > kMaxName) return false;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    if (!std::all_of(word.begin(), word.end(), is_letter)) return false;
    const bool last = end == text.size();
    if (!(last && prefix) && (word.empty() || word == "." || word == "..")) return false;
    if (last) return true;
    begin = end + 1;
  }
}

std::string key_of(std::string_view name) { return std::string(SharedKv::kPrefix).append(name); }

auto logger() { return base::log(base::Room::plugin); }

}  // namespace

bool SharedKv::good_name(std::string_view name) { return good_words(name, false); }
bool SharedKv::good_prefix(std::string_view prefix) { return good_words(prefix, true); }

bool SharedKv::Owner::watches(std::string_view name) const {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& prefix) { return name.starts_with(prefix); });
}

SharedKv::SharedKv(discovery::Discovery& discovery) : discovery_(discovery) {}

SharedKv::~SharedKv() {
  if (started_) discovery_.unwatch_kv(std::string(kPrefix));
}

void SharedKv::start() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(started_, true)) return;
  }
  discovery_.watch_kv(std::string(kPrefix), [this](const auto& values, bool lost) { on_change(values, lost); });
}

void SharedKv::write(const std::string& name, const Published& entry) {
  entry.written->store(true);
  discovery_.put(key_of(name), entry.value, [written = entry.written, name](const base::Status& status) {
    if (status) return;
    written->store(false);
    logger().warn("the shared entry {} is not in the KV yet: {}", name, status.error().text);
  });
}

cm_status SharedKv::publish(routing::ServiceRef owner, const std::string& name, std::string value) {
  start();
  const std::lock_guard lock(mutex_);
  auto& published = owners_[owner].published;
  const auto it = published.find(name);
  if (it == published.end() && published.size() >= kMaxPublished) return CM_BACKPRESSURE;
  Published& entry = published[name];
  entry = Published{std::move(value)};
  write(name, entry);
  return CM_OK;
}

void SharedKv::remove(routing::ServiceRef owner, const std::string& name) {
  start();
  const std::lock_guard lock(mutex_);
  if (const auto it = owners_.find(owner); it != owners_.end()) it->second.published.erase(name);
  lost_.erase(name);
  discovery_.remove(key_of(name), [name](const base::Status& status) {
    if (!status) logger().warn("the shared entry {} is still in the KV: {}", name, status.error().text);
  });
}

cm_status SharedKv::watch(routing::ServiceRef owner, std::shared_ptr<Mailbox> mailbox, const std::string& prefix) {
  start();
  const std::lock_guard lock(mutex_);
  Owner& it = owners_[owner];
  if (!it.prefixes.contains(prefix) && it.prefixes.size() >= kMaxWatches) return CM_BACKPRESSURE;
  it.prefixes.insert(prefix);
  it.mailbox = std::move(mailbox);
  for (const auto& [name, value] : entries_) {
    if (name.starts_with(prefix)) it.mailbox->entry_changed(name, value);
  }
  return CM_OK;
}

cm_status SharedKv::unwatch(routing::ServiceRef owner, const std::string& prefix) {
  const std::lock_guard lock(mutex_);
  const auto it = owners_.find(owner);
  return it != owners_.end() && it->second.prefixes.erase(prefix) != 0 ? CM_OK : CM_NOT_FOUND;
}

SharedKv::Entries SharedKv::watched_by(routing::ServiceRef owner) const {
  const std::lock_guard lock(mutex_);
  Entries found;
  const auto it = owners_.find(owner);
  if (it == owners_.end()) return found;
  for (const auto& [name, value] : entries_) {
    if (it->second.watches(name)) found.emplace_hint(found.end(), name, value);
  }
  return found;
}

void SharedKv::forget(routing::ServiceRef owner) {
  const std::lock_guard lock(mutex_);
  owners_.erase(owner);
}

SharedKv::Entries SharedKv::read(const discovery::Discovery::KvMap& values) {
  Entries now;
  for (const auto& [key, entry] : values) {
    const auto name = std::string_view(key).substr(kPrefix.size());
    if (!good_name(name)) continue;  // a folder, or none of a service's
    if (entry.value.size() > kMaxValue) {
      logger().warn("the shared entry {} has {} bytes and is left out: at most {} are taken", name, entry.value.size(),
                    kMaxValue);
      continue;
    }
    if (now.size() >= kMaxEntries) {
      logger().warn("more than {} shared entries: those from {} on are left out", kMaxEntries, name);
      break;
    }
    now.emplace_hint(now.end(), name, entry.value);
  }
  return now;
}

// Until the KV has it again, however many reports come before.
void SharedKv::keep_lost(Entries& now, bool lost) {
  for (const auto& [name, value] : entries_) {
    if (now.contains(name)) {
      lost_.erase(name);
    } else if (lost || lost_.contains(name)) {
      lost_.insert(name);
      now.emplace(name, value);
      discovery_.put_if(key_of(name), value, 0, [name = name](const base::Status& status) {
        if (status) logger().info("the KV had lost the shared entry {}; written back", name);
      });
    }
  }
}

void SharedKv::keep_published(Entries& now) {
  for (const auto& [owner, it] : owners_) {
    for (const auto& [name, entry] : it.published) {
      if (now.contains(name) && entry.written->load()) continue;
      if (!now.contains(name) && entries_.contains(name)) now.emplace(name, entry.value);
      write(name, entry);
    }
  }
}

void SharedKv::on_change(const discovery::Discovery::KvMap& values, bool lost) {
  const std::lock_guard lock(mutex_);
  Entries now = read(values);
  keep_lost(now, lost);
  keep_published(now);
  const auto tell = [&](const std::string& name, const std::optional<std::string>& value) {
    for (const auto& [owner, it] : owners_) {
      if (it.mailbox && it.watches(name)) it.mailbox->entry_changed(name, value);
    }
  };
  for (const auto& [name, value] : entries_) {
    if (!now.contains(name)) tell(name, std::nullopt);
  }
  for (const auto& [name, value] : now) {
    const auto before = entries_.find(name);
    if (before == entries_.end() || before->second != value) tell(name, value);
  }
  entries_ = std::move(now);
}

}  // namespace cm::plugin
