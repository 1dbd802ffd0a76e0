#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "discovery/discovery.hpp"

namespace cm::discovery {

enum class SettingType : std::uint8_t { boolean, int32, int64, uint32, uint64, real, text };

// One setting as its owner declares it (a plugin's manifest, or a table of the host's own).
struct SettingField {
  std::string name;
  std::uint32_t number = 0;  // field number in the settings message
  SettingType type = SettingType::text;
  std::string default_value;
  std::optional<double> min;
  std::optional<double> max;
  std::vector<std::string> choices;
  std::string help;
  bool restart = false;
  bool list = false;  // of numbers: none or more of the type, each within min and max, with commas between them
  std::uint32_t min_items = 0;
  std::uint32_t max_items = 0;

  // The value in its canonical spelling ("07" -> "7", "1,2" -> "1, 2", "yes" is refused for a bool: true or false), or
  // why it is not one of this setting's, with what it may be.
  [[nodiscard]] base::Result<std::string> check(std::string_view value) const;
};

// Values by name, every field of the owner present.
using SettingValues = std::map<std::string, std::string, std::less<>>;

// Serializes checked values as the protobuf message that the fields were declared in; every field is written, zeros
// too; of a list its numbers, packed.
std::string encode_settings(const std::vector<SettingField>& fields, const SettingValues& values);

// The typed settings of this host and its services, held in the KV:
//   cellmesh/config/<service>/<setting>                  for all instances
//   cellmesh/config/<service>/<index>@<group>/<setting>  for one, and it wins
// A setting that is missing gets its default written (compare-and-set). A value of the wrong type or range is refused
// with a warning that names key, value and what is allowed; the last good one stays. A key whose name no declared
// setting has is warned about once. [any thread; callbacks on discovery's thread, in order]
class Settings {
 public:
  explicit Settings(Discovery& discovery);
  ~Settings();

  struct Change {
    SettingValues values;              // as they now are, in force or for the next start
    std::vector<std::string> changed;  // names; empty at the first call
  };
  // Declares an instance's settings and watches them. on_change comes first with the values as found (defaults when the
  // KV has none; at once when discovery is known already), then at each change. `overrides` replace the defaults (not
  // the KV's values), e.g. a fixed port of --dev.
  void declare(const std::string& service, const std::string& instance, std::vector<SettingField> fields,
               SettingValues overrides, std::function<void(const Change&)> on_change);
  void undeclare(const std::string& service, const std::string& instance);

  // What the values of an instance would be if these fields were declared now.
  [[nodiscard]] SettingValues preview(const std::string& service, const std::string& instance,
                                      std::vector<SettingField> fields, const SettingValues& overrides) const;

  // As they are now; empty when not declared.
  [[nodiscard]] SettingValues values(const std::string& service, const std::string& instance) const;

  struct Row {
    std::string service, instance, name, value, default_value, help;
    bool from_instance_key = false;
    bool restart = false;
    std::string refused;  // the value that stands in the KV and was refused; empty: none
  };
  [[nodiscard]] std::vector<Row> rows() const;

  // Checks and writes `service/setting` or `service/index@group/setting` to the KV. A service that this host does not
  // run is written unchecked only when `force`.
  void set(const std::string& path, const std::string& value, bool force, Discovery::Done done);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // discovery's thread may still hold it when this ends
};

}  // namespace cm::discovery
