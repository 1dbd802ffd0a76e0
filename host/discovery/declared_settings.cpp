#include "discovery/declared_settings.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace cm::discovery {
namespace {

spdlog::logger& out() { return base::log(base::Room::discovery); }

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
    } else {
      out().error("override of setting {}/{}: {}", service_, name, good.error().text);
    }
  }
  for (const SettingField& field : fields_) values_[field.name] = field.default_value;
}

const SettingField* DeclaredSettings::field(std::string_view name) const {
  const auto it = std::find_if(fields_.begin(), fields_.end(), [&](const SettingField& f) { return f.name == name; });
  return it == fields_.end() ? nullptr : &*it;
}

std::vector<std::string> DeclaredSettings::apply(const Discovery::KvMap& kv) {
  std::vector<std::string> changed;
  for (const SettingField& field : fields_) {
    Found found = find(field, kv);
    of_instance_[field.name] = found.of_instance;
    std::string& value = values_[field.name];
    if (value == found.value) continue;
    value = std::move(found.value);
    changed.push_back(field.name);
  }
  applied_ = true;
  return changed;
}

// The instance's own value wins over that of all instances, and that over the default. A value that is refused leaves
// what was in force; at the start, when nothing was, it is as if it did not stand there.
DeclaredSettings::Found DeclaredSettings::find(const SettingField& field, const Discovery::KvMap& kv) {
  Refusal refused;
  std::string why;
  Found found{field.default_value, false};
  for (const bool of_instance : {true, false}) {
    const std::string key =
        of_instance ? setting_key(service_, instance_, field.name) : setting_key(service_, field.name);
    const auto it = kv.find(key);
    if (it == kv.end()) continue;
    auto good = field.check(it->second.value);
    if (good) {
      found = {std::move(*good), of_instance};
      break;
    }
    if (refused.key.empty()) {
      refused = {key, it->second.value};
      why = good.error().text;
    }
    if (applied_) {
      found = {values_[field.name], of_instance_[field.name]};
      break;
    }
  }
  if (refused.key.empty()) {
    refused_.erase(field.name);
  } else if (refused_[field.name] != refused) {
    out().warn("setting {} refused: {}; {} stays in force", refused.key, why, base::log_value(found.value));
    refused_[field.name] = std::move(refused);
  }
  return found;
}

std::vector<std::pair<std::string, std::string>> DeclaredSettings::missing_defaults(const Discovery::KvMap& kv) const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const SettingField& field : fields_) {
    std::string key = setting_key(service_, field.name);
    if (!kv.contains(key)) out.emplace_back(std::move(key), field.default_value);
  }
  return out;
}

std::vector<Settings::Row> DeclaredSettings::rows() const {
  std::vector<Settings::Row> out;
  for (const SettingField& field : fields_) {
    Settings::Row row;
    row.service = service_;
    row.instance = instance_;
    row.name = field.name;
    row.value = values_.at(field.name);
    row.default_value = field.default_value;
    row.help = field.help;
    row.restart = field.restart;
    if (const auto it = of_instance_.find(field.name); it != of_instance_.end()) row.from_instance_key = it->second;
    if (const auto it = refused_.find(field.name); it != refused_.end()) row.refused = it->second.value;
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace cm::discovery
