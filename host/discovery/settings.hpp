#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
  bool secret = false;  // a text that nobody may see; `file:PATH` and `env:NAME` say where it is
  bool url = false;     // of a secret: a URL, in which only the password is one
  bool kind = false;    // of a text: names a kind of service that the owner talks to

  // Returns the value in its canonical spelling ("07" -> "7", "1,2" -> "1, 2"). Fails for a value that is not one of
  // this setting's; the error says what it may be. A byte order mark and the white space around it are no part of a
  // value, control characters inside are refused (base::clean_text). The error of a secret's value does not quote it.
  [[nodiscard]] base::Result<std::string> check(std::string_view value) const;
  // Returns the value as people may see it: that of a secret masked.
  [[nodiscard]] std::string shown(std::string_view value) const;
};

// Values by name, every field of the owner present.
using SettingValues = std::map<std::string, std::string, std::less<>>;

// Serializes checked values as the protobuf message that the fields were declared in; every field is written, zeros
// too; of a list its numbers, packed.
std::string encode_settings(const std::vector<SettingField>& fields, const SettingValues& values);

// The kind of settings that are a host's own. Their instance is the host's name.
inline constexpr std::string_view kHostSettings = "host";

// The typed settings of this host and its services, held in the KV:
//   cellmesh/config/<service>/<setting>                  for all instances
//   cellmesh/config/<service>/<index>@<group>/<setting>  for one, and it wins
//   cellmesh/config/host/<name of the host>/<setting>    likewise, of a host's own settings
// A setting that is missing gets its default written (compare-and-set). A value of the wrong type or range is refused
// with a warning that names key, value and what is allowed; the last good one stays. A key whose name no declared
// setting has is warned about once. [any thread; callbacks on discovery's thread, in order]
class Settings {
 public:
  // `on_kinds` is called when kinds() has changed, on discovery's thread.
  explicit Settings(Discovery& discovery, std::function<void()> on_kinds = {});
  ~Settings();

  struct Change {
    SettingValues values;              // as they now are, in force or for the next start; secrets themselves
    std::vector<std::string> changed;  // names; empty at the first call
    // Secrets that have no value because what stands for them cannot be used, with the reason: a secret never falls
    // back to another value. Only as long as none was in force.
    std::map<std::string, std::string> unusable;
  };
  // Declares an instance's settings and watches them. on_change comes first with the values as found (defaults when the
  // KV has none; at once when discovery is known already), then at each change. `overrides` replace the defaults (not
  // the KV's values), e.g. a fixed port of --dev. Declaring an instance again replaces its fields; settings that are
  // read at start only count as read when it was declared first. Keys of `former`, a name that the instance had in
  // earlier versions, are not read: the log says where their values belong.
  void declare(const std::string& service, const std::string& instance, std::vector<SettingField> fields,
               SettingValues overrides, std::function<void(const Change&)> on_change, const std::string& former = {});
  void undeclare(const std::string& service, const std::string& instance);

  // Returns what on_change would be called with first if these fields were declared now. Reads the files of secrets.
  [[nodiscard]] Change preview(const std::string& service, const std::string& instance,
                               std::vector<SettingField> fields, const SettingValues& overrides) const;

  // The kinds of service that settings of all declared instances name.
  [[nodiscard]] std::set<std::string> kinds() const;

  // As they are now; empty when not declared.
  [[nodiscard]] SettingValues values(const std::string& service, const std::string& instance) const;

  // For people: secrets are masked.
  struct Row {
    std::string service, instance, name, value, default_value, help;
    bool from_instance_key = false;
    bool restart = false;
    bool secret = false;
    std::optional<std::string> running;  // what the service runs with until its restart, where that is another value
    std::string refused;                 // the value that stands in the KV and was refused; empty: none
    std::string why;                     // it was refused
  };
  [[nodiscard]] std::vector<Row> rows() const;

  // Looks again at the secrets that stand in files. on_change comes where one has changed.
  void reread_secrets();

  // The result of a write, for people.
  struct Written {
    std::string value;                  // as it stands in the KV now; masked if secret, or if nobody here knows
    bool restart = false;               // it is read at start only
    std::vector<std::string> services;  // of this host, that take it: "agent#0@dev"; "host" for its own settings
    std::vector<std::string> differ;    // those of them that run with another value until their restart
  };
  using WriteDone = std::function<void(base::Result<Written>)>;
  // Checks and writes `service/setting`, `service/index@group/setting` or `host/name/setting` to the KV. A service that
  // this host does not run is written only when `force`, and not checked for type and range.
  void set(const std::string& path, const std::string& value, bool force, WriteDone done);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // discovery's thread may still hold it when this ends
};

}  // namespace cm::discovery
