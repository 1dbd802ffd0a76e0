#include "gateway/host_settings.hpp"

namespace cm::gateway {

std::vector<discovery::SettingField> host_setting_fields() {
  std::vector<discovery::SettingField> fields(2);
  fields[0].name = "log";
  fields[0].number = 1;
  fields[0].default_value = "info";
  fields[0].help = "Log levels: trace, debug, info, warn, error or off, for all rooms or one: info,mesh=debug.";
  fields[1].name = "link_rule";
  fields[1].number = 2;
  fields[1].default_value = "own";
  fields[1].help =
      "Groups whose services this host links to: [kind=]group, comma-separated; own, or a pattern with * and ?.";
  return fields;
}

}  // namespace cm::gateway
