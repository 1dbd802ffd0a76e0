#include "discovery/declared_settings.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/secret.hpp"

namespace cm::discovery {
namespace {

base::Logger out() { return base::log(base::Room::discovery); }

std::string zero_of(const SettingField& field) {
  if (field.type == SettingType::text || field.list) return {};
  return field.type == SettingType::boolean ? "false" : "0";
}

}  // namespace

std::string setting_key(std::string_view service, std::string_view name) {
  return std::string(kSettingsPrefix).append(service).append("/").append(name);
}

std::string setting_key(std::string_view service, std::string_view instance, std::string_view name) {
  return std::string(kSettingsPrefix).append(service).append("/").append(instance).append("/").append(name);
}

DeclaredSettings::DeclaredSettings(std::string service, std::string instance, std::vector<SettingField> fields,
                                   const SettingValues& overrides,
                                   std::function<void(const Settings::Change&)> on_change_function)
    : on_change(std::move(on_change_function)),
      service_(std::move(service)),
      instance_(std::move(instance)),
      fields_(std::move(fields)) {
  for (SettingField& field : fields_) {
    if (field.default_value.empty()) field.default_value = zero_of(field);
    if (auto good = field.check(field.default_value); good) {
      field.default_value = std::move(*good);
    } else if (field.default_value != zero_of(field)) {
      out().error("default of setting {}/{}: {}; {} is taken", service_, field.name, good.error().text,
                  base::log_value(zero_of(field)));
      field.default_value = zero_of(field);
    }
  }
  for (const auto& [name, value] : overrides) {
    const auto it = std::find_if(fields_.begin(), fields_.end(), [&](const SettingField& f) { return f.name == name; });
    const auto good = it == fields_.end() ? base::error("there is no such setting") : it->check(value);
    if (good) {
      it->default_value = *good;
      continue;
    }
    out().error("override of setting {}/{}: {}", service_, name, good.error().text);
    if (it != fields_.end() && it->secret) bad_overrides_[name] = good.error().text;
  }
  for (const SettingField& field : fields_) {
    const std::string& text = field.default_value;
    values_[field.name] = {text, base::is_secret_reference(text) && field.secret ? "" : text, false, {}};
  }
}

void DeclaredSettings::continue_from(const DeclaredSettings& before) {
  for (const auto& [name, value] : before.running_) {
    if (const SettingField* same = field(name); same != nullptr && same->restart) running_[name] = value;
  }
}

std::string DeclaredSettings::label() const {
  return service_ == kHostSettings ? service_ : service_ + "#" + instance_;
}

const SettingField* DeclaredSettings::field(std::string_view name) const {
  const auto it = std::find_if(fields_.begin(), fields_.end(), [&](const SettingField& f) { return f.name == name; });
  return it == fields_.end() ? nullptr : &*it;
}

SettingValues DeclaredSettings::values() const {
  SettingValues all;
  for (const auto& [name, value] : values_) all[name] = value.value;
  return all;
}

std::map<std::string, std::string> DeclaredSettings::unusable() const {
  std::map<std::string, std::string> all;
  for (const auto& [name, value] : values_) {
    if (!value.unusable.empty()) all[name] = value.unusable;
  }
  return all;
}

std::string DeclaredSettings::shown(const std::string& name) const {
  return field(name)->shown(values_.find(name)->second.text);
}

bool DeclaredSettings::runs_without(const std::string& name, const std::string& text) const {
  const auto it = running_.find(name);
  return it != running_.end() && it->second.text != text;
}

bool DeclaredSettings::reads_files() const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const SettingField& f) {
    return f.secret && base::is_secret_reference(values_.find(f.name)->second.text);
  });
}

std::vector<std::string> DeclaredSettings::apply(const Discovery::KvMap& kv) {
  std::vector<std::string> changed;
  for (const SettingField& field : fields_) {
    Value found = find(field, kv);
    Value& value = values_[field.name];
    if (value.value != found.value || value.unusable != found.unusable) changed.push_back(field.name);
    value = std::move(found);
    if (field.restart && value.unusable.empty()) running_.try_emplace(field.name, value);
  }
  applied_ = true;
  return changed;
}

// The instance's own value wins over that of all instances, and that over the default. A value that is refused leaves
// what was in force; at the start, when nothing was, it is as if it did not stand there. Not so a secret: what would
// take its place, such as another database, is never what was meant.
DeclaredSettings::Value DeclaredSettings::find(const SettingField& field, const Discovery::KvMap& kv) {
  const Value before = values_[field.name];
  const bool in_force = applied_ && before.unusable.empty();
  Refusal refused;
  const auto refuse = [&](std::string key, std::string value, std::string why) {
    if (refused.key.empty()) refused = {std::move(key), std::move(value), std::move(why)};
  };
  std::optional<Value> found;
  for (const bool of_instance : {true, false}) {
    std::string key = of_instance ? setting_key(service_, instance_, field.name) : setting_key(service_, field.name);
    const auto it = kv.find(key);
    if (it == kv.end()) continue;
    auto good = read(field, it->second.value);
    if (good) {
      found = std::move(*good);
      found->of_instance = of_instance;
      break;
    }
    refuse(key, it->second.value, good.error().text);
    if (!in_force && !field.secret) continue;
    found = in_force ? before : Value{it->second.value, "", of_instance, key + ": " + good.error().text};
    break;
  }
  if (!found) {
    const auto bad = bad_overrides_.find(field.name);
    auto fallback = bad == bad_overrides_.end() ? read(field, field.default_value) : base::error(bad->second);
    if (fallback) {
      found = std::move(*fallback);
    } else {
      std::string key = service_ + "/" + field.name;
      found = in_force ? before : Value{field.default_value, "", false, key + ": " + fallback.error().text};
      refuse(std::move(key), field.default_value, fallback.error().text);
    }
  }
  note(field, std::move(refused), *found);
  return std::move(*found);
}

base::Result<DeclaredSettings::Value> DeclaredSettings::read(const SettingField& field, std::string_view text) {
  auto good = field.check(text);
  if (!good) return good.error();
  Value value{*good, *good, false, {}};
  if (!field.secret) return value;
  auto secret = base::read_secret(*good);
  if (!secret) return secret.error();
  value.value = std::move(*secret);
  return value;
}

// Tells of a refusal once.
void DeclaredSettings::note(const SettingField& field, Refusal refused, const Value& found) {
  if (refused.key.empty()) {
    refused_.erase(field.name);
    return;
  }
  if (refused_[field.name] == refused) return;
  if (found.unusable.empty()) {
    out().warn("setting {} refused: {}; {} stays in force", refused.key, refused.why,
               base::log_value(field.shown(found.text)));
  } else {
    out().warn("setting {} refused: {}; {} has no other value for it", refused.key, refused.why, label());
  }
  refused_[field.name] = std::move(refused);
}

std::vector<std::pair<std::string, std::string>> DeclaredSettings::missing_defaults(const Discovery::KvMap& kv) const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const SettingField& field : fields_) {
    std::string key = setting_key(service_, field.name);
    if (!kv.contains(key) && !bad_overrides_.contains(field.name))
      out.emplace_back(std::move(key), field.default_value);
  }
  return out;
}

std::vector<Settings::Row> DeclaredSettings::rows() const {
  std::vector<Settings::Row> out;
  for (const SettingField& field : fields_) {
    const Value& value = values_.find(field.name)->second;
    Settings::Row row;
    row.service = service_;
    row.instance = instance_;
    row.name = field.name;
    row.value = field.shown(value.text);
    row.default_value = field.shown(field.default_value);
    row.help = field.help;
    row.from_instance_key = value.of_instance;
    row.restart = field.restart;
    row.secret = field.secret;
    if (const auto it = running_.find(field.name); it != running_.end() && it->second.value != value.value)
      row.running = field.shown(it->second.text);
    if (const auto it = refused_.find(field.name); it != refused_.end()) {
      row.refused = field.shown(it->second.value);
      row.why = it->second.why;
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace cm::discovery
