#include "discovery/settings.hpp"

#include <algorithm>
#include <deque>
#include <mutex>
#include <set>
#include <utility>

#include "base/closest.hpp"
#include "base/log.hpp"
#include "base/operator_text.hpp"
#include "base/secret.hpp"
#include "discovery/declared_settings.hpp"

namespace cm::discovery {
namespace {

constexpr std::size_t kMaxWriting = 16;
constexpr std::size_t kMaxWarned = 1024;

base::Logger out() { return base::log(base::Room::discovery); }

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto slash = path.find('/');
    words.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return words;
    path.remove_prefix(slash + 1);
  }
}

bool is_instance(std::string_view text) {
  const auto at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at),
                     [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

struct Settings::Impl : std::enable_shared_from_this<Settings::Impl> {
  using Declared = std::shared_ptr<DeclaredSettings>;
  using Name = std::pair<std::string, std::string>;  // service and instance

  Impl(Discovery& d, std::function<void()> changed) : discovery(d), on_kinds(std::move(changed)) {}

  void on_kv(const Discovery::KvMap& reported, bool lost);
  void refresh(DeclaredSettings& declared);
  void queue_missing();
  void queue(const std::string& key, const std::string& value);
  void write_queued();
  void on_written(const std::string& key, const base::Status& status);
  void warn_unknown();
  [[nodiscard]] std::set<std::string_view> names_of(std::string_view service, std::string_view instance) const;
  struct Write {
    std::string key, value;
    Written written;
  };
  base::Result<Write> check_write(const std::string& path, const std::string& value, bool force) const;
  void complete(Write& write, const std::string& setting, const std::string& instance) const;

  Discovery& discovery;
  const std::function<void()> on_kinds;
  mutable std::mutex mutex;  // guards all below; never held in a callback or a call of discovery's
  bool known = false;
  Discovery::KvMap kv;  // as reported; what was lost is kept in it with version 0 until it is there again
  std::map<Name, Declared> declared;
  std::map<Name, std::string> former;  // the instance that had this name in earlier versions
  std::set<std::string> warned;
  std::deque<std::pair<std::string, std::string>> writes;
  std::set<std::string> queued;  // keys in `writes` or under way
  std::size_t writing = 0;
  bool write_failed = false;  // the last one, so that it is told once
};

// [discovery's thread]
void Settings::Impl::on_kv(const Discovery::KvMap& reported, bool lost) {
  std::vector<Declared> all;
  {
    const std::lock_guard lock(mutex);
    Discovery::KvMap now = reported;
    // What was lost stays until the KV has it again, however many reports come before.
    for (auto& [key, entry] : kv) {
      if (lost || entry.version == 0) now.insert({key, {std::move(entry.value), 0}});
    }
    kv = std::move(now);
    known = true;
    warn_unknown();
    queue_missing();
    for (const auto& [name, d] : declared) all.push_back(d);
  }
  for (const Declared& d : all) refresh(*d);
  write_queued();
}

// [discovery's thread]
void Settings::Impl::refresh(DeclaredSettings& d) {
  Change change;
  std::vector<std::string> shown;
  {
    const std::lock_guard lock(mutex);
    const bool first = !d.applied();
    change.changed = d.apply(kv);
    if (!first && change.changed.empty()) return;
    if (first) change.changed.clear();
    change.values = d.values();
    change.unusable = d.unusable();
    for (const std::string& name : change.changed) shown.push_back(d.shown(name));
  }
  const bool kinds =
      on_kinds && std::any_of(d.fields().begin(), d.fields().end(), [](const auto& f) { return f.kind; });
  if (kinds) on_kinds();
  for (std::size_t i = 0; i < shown.size(); ++i)
    out().info("setting changed service={} instance={} setting={} value={}", d.service(), d.instance(),
               change.changed[i], base::log_value(shown[i]));
  d.on_change.call(change);
}

// What was lost goes back, that of services of this host first; then the defaults.
void Settings::Impl::queue_missing() {
  std::set<std::string_view> services;
  for (const auto& [name, d] : declared) services.insert(name.first);
  for (const bool own : {true, false}) {
    for (const auto& [key, entry] : kv) {
      const std::string_view rest = std::string_view(key).substr(kSettingsPrefix.size());
      if (entry.version == 0 && services.contains(rest.substr(0, rest.find('/'))) == own) queue(key, entry.value);
    }
  }
  for (const auto& [name, d] : declared) {
    for (const auto& [key, value] : d->missing_defaults(kv)) queue(key, value);
  }
}

void Settings::Impl::queue(const std::string& key, const std::string& value) {
  if (queued.insert(key).second) writes.emplace_back(key, value);
}

void Settings::Impl::write_queued() {
  for (;;) {
    std::pair<std::string, std::string> entry;
    {
      const std::lock_guard lock(mutex);
      if (writing >= kMaxWriting || writes.empty()) return;
      entry = std::move(writes.front());
      writes.pop_front();
      const auto it = kv.find(entry.first);
      if (it != kv.end() && it->second.version != 0) {  // somebody else was faster
        queued.erase(entry.first);
        continue;
      }
      ++writing;
    }
    discovery.put_if(entry.first, entry.second, 0,
                     [weak = weak_from_this(), key = entry.first](const base::Status& status) {
                       if (const auto self = weak.lock()) self->on_written(key, status);
                     });
  }
}

void Settings::Impl::on_written(const std::string& key, const base::Status& status) {
  const bool good = status || status.error().text.find(kChangedMeanwhile) != std::string::npos;
  {
    const std::lock_guard lock(mutex);
    --writing;
    queued.erase(key);
    if (!good) {  // the rest would fail too; all is tried again with discovery's next report
      for (const auto& [other, value] : writes) queued.erase(other);
      writes.clear();
    }
    if (!good && !write_failed) out().warn("cannot write the setting {}: {}", key, status.error().text);
    write_failed = !good;
  }
  if (good) write_queued();
}

std::set<std::string_view> Settings::Impl::names_of(std::string_view service, std::string_view instance) const {
  std::set<std::string_view> names;
  for (const auto& [name, d] : declared) {
    if (name.first != service || (!instance.empty() && name.second != instance)) continue;
    for (const SettingField& field : d->fields()) names.insert(field.name);
  }
  return names;
}

void Settings::Impl::warn_unknown() {
  for (const auto& [key, entry] : kv) {
    const auto words = split(std::string_view(key).substr(kSettingsPrefix.size()));
    if (words.size() < 2 || words.size() > 3 || warned.contains(key) || warned.size() >= kMaxWarned) continue;
    const std::string_view instance = words.size() == 3 ? words[1] : std::string_view();
    const auto moved = former.find({std::string(words[0]), std::string(instance)});
    if (moved != former.end() && names_of(words[0], moved->second).contains(words.back())) {
      warned.insert(key);
      out().info("{} is read by the host named {} alone; this one reads {}", base::log_value(key),
                 base::log_value(instance), setting_key(words[0], moved->second, words.back()));
      continue;
    }
    const auto names = names_of(words[0], instance);
    if (names.empty() || names.contains(words.back())) continue;
    warned.insert(key);
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    out().warn("{} is no setting of {}{}", base::log_value(key), words[0],
               base::did_you_mean(words.back(), candidates));
  }
}

base::Result<Settings::Impl::Write> Settings::Impl::check_write(const std::string& path, const std::string& value,
                                                                bool force) const {
  const auto words = split(path);
  const bool of_instance = words.size() == 3;
  if (words.size() < 2 || words.size() > 3 || std::any_of(words.begin(), words.end(), [](auto w) { return w.empty(); }))
    return base::error(base::log_value(path) +
                       " is no setting; write service/setting, service/index@group/setting or host/NAME/setting");
  if (of_instance && words[0] != kHostSettings && !is_instance(words[1]))
    return base::error(base::log_value(words[1]) + " is no instance; write index@group, such as 0@dev");
  Write write{std::string(kSettingsPrefix) + path, {}, {}};
  const std::string instance(of_instance ? words[1] : std::string_view());
  const std::string setting(words.back());
  const std::lock_guard lock(mutex);
  const auto names = names_of(words[0], {});
  if (names.empty()) {
    if (!force) {
      return base::error("this host runs no service " + base::log_value(words[0]) +
                         " with settings, so the value cannot be checked; ask a host that does, or force it");
    }
    auto clean = base::clean_text(value, base::TextForm::line_or_pem);
    if (!clean) return base::error(base::log_value(path) + ": " + clean.error().text);
    write.value = std::move(*clean);
    write.written.value = base::kMasked;  // nobody here knows whether it is a secret
    return write;
  }
  for (const auto& [name, d] : declared) {
    if (name.first != words[0] ||
        (of_instance && names_of(words[0], instance).contains(setting) && name.second != instance))
      continue;
    const SettingField* field = d->field(setting);
    if (field == nullptr) continue;
    auto good = field->check(value);
    if (!good) return base::error(base::log_value(path) + ": " + good.error().text);
    write.value = std::move(*good);
    write.written.value = field->shown(write.value);
    write.written.restart = field->restart;
    complete(write, setting, instance);
    return write;
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  return base::error(base::log_value(words[0]) + " has no setting " + base::log_value(setting) +
                     base::did_you_mean(setting, candidates));
}

// Adds who on this host takes the value: not an instance that has a value of its own.
void Settings::Impl::complete(Write& write, const std::string& setting, const std::string& instance) const {
  const std::string_view service = split(std::string_view(write.key).substr(kSettingsPrefix.size()))[0];
  for (const auto& [name, d] : declared) {
    if (name.first != service || d->field(setting) == nullptr) continue;
    if (instance.empty() ? kv.contains(setting_key(service, name.second, setting)) : name.second != instance) continue;
    write.written.services.push_back(d->label());
    if (d->runs_without(setting, write.value)) write.written.differ.push_back(d->label());
  }
}

Settings::Settings(Discovery& discovery, std::function<void()> on_kinds)
    : impl_(std::make_shared<Impl>(discovery, std::move(on_kinds))) {
  discovery.watch_kv(std::string(kSettingsPrefix),
                     [weak = std::weak_ptr(impl_)](const Discovery::KvMap& kv, bool lost) {
                       if (const auto self = weak.lock()) self->on_kv(kv, lost);
                     });
}

Settings::~Settings() {
  impl_->discovery.unwatch_kv(std::string(kSettingsPrefix));
  std::map<Impl::Name, Impl::Declared> declared;
  {
    const std::lock_guard lock(impl_->mutex);
    declared.swap(impl_->declared);
  }
  for (const auto& [name, d] : declared) d->on_change.end();
}

void Settings::declare(const std::string& service, const std::string& instance, std::vector<SettingField> fields,
                       SettingValues overrides, std::function<void(const Change&)> on_change,
                       const std::string& former) {
  Impl::Declared before;
  {
    const std::lock_guard lock(impl_->mutex);
    if (const auto it = impl_->declared.find({service, instance}); it != impl_->declared.end()) before = it->second;
  }
  undeclare(service, instance);
  auto d = std::make_shared<DeclaredSettings>(service, instance, std::move(fields), overrides, std::move(on_change));
  if (before) d->continue_from(*before);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->declared[{service, instance}] = d;
    if (!former.empty() && former != instance) impl_->former[{service, former}] = instance;
  }
  impl_->discovery.post([weak = std::weak_ptr(impl_), d] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->mutex);
      if (!self->known) return;  // on_kv() will
      self->warn_unknown();
      self->queue_missing();
    }
    self->refresh(*d);
    self->write_queued();
  });
}

void Settings::undeclare(const std::string& service, const std::string& instance) {
  Impl::Declared d;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto it = impl_->declared.find({service, instance});
    if (it == impl_->declared.end()) return;
    d = std::move(it->second);
    impl_->declared.erase(it);
  }
  d->on_change.end();
}

Settings::Change Settings::preview(const std::string& service, const std::string& instance,
                                   std::vector<SettingField> fields, const SettingValues& overrides) const {
  DeclaredSettings declared(service, instance, std::move(fields), overrides, {});
  const std::lock_guard lock(impl_->mutex);
  (void)declared.apply(impl_->kv);
  return {declared.values(), {}, declared.unusable()};
}

std::set<std::string> Settings::kinds() const {
  std::set<std::string> all;
  const std::lock_guard lock(impl_->mutex);
  for (const auto& [name, d] : impl_->declared) {
    const auto values = d->values();
    for (const SettingField& field : d->fields()) {
      if (field.kind && !values.at(field.name).empty()) all.insert(values.at(field.name));
    }
  }
  return all;
}

SettingValues Settings::values(const std::string& service, const std::string& instance) const {
  const std::lock_guard lock(impl_->mutex);
  const auto it = impl_->declared.find({service, instance});
  return it == impl_->declared.end() ? SettingValues() : it->second->values();
}

std::vector<Settings::Row> Settings::rows() const {
  std::vector<Row> all;
  const std::lock_guard lock(impl_->mutex);
  for (const auto& [name, d] : impl_->declared) {
    for (Row& row : d->rows()) all.push_back(std::move(row));
  }
  return all;
}

void Settings::reread_secrets() {
  impl_->discovery.post([weak = std::weak_ptr(impl_)] {
    const auto self = weak.lock();
    if (!self) return;
    std::vector<Impl::Declared> readers;
    {
      const std::lock_guard lock(self->mutex);
      for (const auto& [name, d] : self->declared) {
        if (d->applied() && d->reads_files()) readers.push_back(d);
      }
    }
    for (const auto& d : readers) self->refresh(*d);
  });
}

void Settings::set(const std::string& path, const std::string& value, bool force, WriteDone done) {
  auto write = impl_->check_write(path, value, force);
  if (!write) {
    impl_->discovery.post([error = write.error(), done = std::move(done)] { done(error); });
    return;
  }
  impl_->discovery.put(write->key, write->value,
                       [written = write->written, done = std::move(done)](const base::Status& status) {
                         if (status) return done(written);
                         done(status.error());
                       });
}

}  // namespace cm::discovery
