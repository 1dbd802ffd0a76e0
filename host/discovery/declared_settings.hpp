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
  // A default or an override that is no value of its field is logged and not used; a secret has no value then.
  DeclaredSettings(std::string service, std::string instance, std::vector<SettingField> fields,
                   const SettingValues& overrides, std::function<void(const Settings::Change&)> on_change);

  // Takes over what the service runs with from the declaration before, whose place this one takes while it runs.
  void continue_from(const DeclaredSettings& before);
  // Takes the values that stand in the KV, the good ones; names those that changed. Reads the files of secrets.
  std::vector<std::string> apply(const Discovery::KvMap& kv);
  // Keys for all instances that the KV does not have, with their defaults.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> missing_defaults(const Discovery::KvMap& kv) const;

  [[nodiscard]] const std::string& service() const { return service_; }
  [[nodiscard]] const std::string& instance() const { return instance_; }
  // "agent#0@dev"; "host" for a host's own.
  [[nodiscard]] std::string label() const;
  [[nodiscard]] const std::vector<SettingField>& fields() const { return fields_; }
  [[nodiscard]] const SettingField* field(std::string_view name) const;
  [[nodiscard]] SettingValues values() const;
  [[nodiscard]] std::map<std::string, std::string> unusable() const;
  // The value as it stands in the KV, for people.
  [[nodiscard]] std::string shown(const std::string& name) const;
  // Returns true if the service runs with another value than this one until its restart.
  [[nodiscard]] bool runs_without(const std::string& name, const std::string& text) const;
  [[nodiscard]] bool applied() const { return applied_; }
  [[nodiscard]] bool reads_files() const;
  [[nodiscard]] std::vector<Settings::Row> rows() const;

  Callback<const Settings::Change&> on_change;  // discovery's thread

 private:
  struct Refusal {
    std::string key, value, why;
    friend bool operator==(const Refusal&, const Refusal&) = default;
  };
  struct Value {
    std::string text;   // as it stands in the KV
    std::string value;  // what the service gets: of a secret what the text refers to
    bool of_instance = false;
    std::string unusable;  // why there is no value; empty: there is one
  };

  Value find(const SettingField& field, const Discovery::KvMap& kv);
  static base::Result<Value> read(const SettingField& field, std::string_view text);
  void note(const SettingField& field, Refusal refused, const Value& found);

  // Constant after construction.
  const std::string service_;
  const std::string instance_;
  std::vector<SettingField> fields_;                               // defaults checked, overrides in their place
  std::map<std::string, std::string, std::less<>> bad_overrides_;  // of secrets, with the reason

  std::map<std::string, Value, std::less<>> values_;   // every field's
  std::map<std::string, Value, std::less<>> running_;  // what is read at start only, as it was then
  std::map<std::string, Refusal, std::less<>> refused_;
  bool applied_ = false;
};

}  // namespace cm::discovery
