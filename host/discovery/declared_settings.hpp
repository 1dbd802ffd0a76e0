#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "discovery/callback.hpp"
#include "discovery/settings.hpp"

namespace cm::discovery {

inline constexpr std::string_view kSettingsPrefix = "cellmesh/config/";

std::string setting_key(std::string_view service, std::string_view name);
std::string setting_key(std::string_view service, std::string_view instance, std::string_view name);

// The settings of one declared instance: its fields, and what their values are now. Owned by Settings and guarded by
// its mutex, but for `on_change`.
class DeclaredSettings {
 public:
  // A default or an override that is no value of its field is logged and not used.
  DeclaredSettings(std::string service, std::string instance, std::vector<SettingField> fields,
                   const SettingValues& overrides, std::function<void(const Settings::Change&)> on_change);

  // Takes the values that stand in the KV, the good ones; names those that changed.
  std::vector<std::string> apply(const Discovery::KvMap& kv);
  // Keys for all instances that the KV does not have, with their defaults.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> missing_defaults(const Discovery::KvMap& kv) const;

  [[nodiscard]] const std::string& service() const { return service_; }
  [[nodiscard]] const std::string& instance() const { return instance_; }
  [[nodiscard]] const std::vector<SettingField>& fields() const { return fields_; }
  [[nodiscard]] const SettingField* field(std::string_view name) const;
  [[nodiscard]] const SettingValues& values() const { return values_; }
  [[nodiscard]] bool applied() const { return applied_; }
  [[nodiscard]] std::vector<Settings::Row> rows() const;

  Callback<const Settings::Change&> on_change;  // discovery's thread

 private:
  struct Refusal {
    std::string key, value;
    friend bool operator==(const Refusal&, const Refusal&) = default;
  };
  struct Found {
    std::string value;
    bool of_instance = false;
  };

  Found find(const SettingField& field, const Discovery::KvMap& kv);

  // Constant after construction.
  const std::string service_;
  const std::string instance_;
  std::vector<SettingField> fields_;  // defaults checked, overrides in their place

  SettingValues values_;
  std::map<std::string, bool, std::less<>> of_instance_;
  std::map<std::string, Refusal, std::less<>> refused_;
  bool applied_ = false;
};

}  // namespace cm::discovery
