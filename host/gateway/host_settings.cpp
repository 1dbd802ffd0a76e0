#include "gateway/host_settings.hpp"

namespace cm::gateway {

std::vector<discovery::SettingField> host_setting_fields() {
  std::vector<discovery::SettingField> fields(5);
  fields[0].name = "log";
  fields[0].number = 1;
  fields[0].default_value = "info";
  fields[0].help = "Log levels: trace, debug, info, warn, error or off, for all rooms or one: info,mesh=debug.";
  fields[1].name = "link_rule";
  fields[1].number = 2;
  fields[1].default_value = "own";
  fields[1].help =
      "Groups whose services this host links to: [kind=]group, comma-separated; own, or a pattern with * and ?.";
  fields[2].name = "probation_sec";
  fields[2].number = 3;
  fields[2].type = discovery::SettingType::uint32;
  fields[2].default_value = "30";
  fields[2].min = 0;
  fields[2].max = 86'400;
  fields[2].help = "Seconds after a reload in which too many faults bring the version before back.";
  fields[3].name = "probation_faults";
  fields[3].number = 4;
  fields[3].type = discovery::SettingType::uint32;
  fields[3].default_value = "10";
  fields[3].min = 0;
  fields[3].max = 1'000'000;
  fields[3].help = "Faults of one service that are too many then; 0: no number is.";
  fields[4].name = "plugin_absence_sec";
  fields[4].number = 5;
  fields[4].type = discovery::SettingType::uint32;
  fields[4].default_value = "30";
  fields[4].min = 0;
  fields[4].max = 86'400;
  fields[4].help = "With --dev: seconds for which a plugin's file must be absent until it is unloaded; 0: it never is.";
  return fields;
}

}  // namespace cm::gateway
