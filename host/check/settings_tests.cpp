// Settings within their bounds, at their edges, and such as no host would send.
#include <cellmesh/abi/settings.h>

#include <cmath>
#include <limits>

#include "check/barrages.hpp"
#include "check/test.hpp"
#include "discovery/settings.hpp"

namespace cm::check {
namespace {

using discovery::SettingField;
using discovery::SettingType;
using discovery::SettingValues;
using Fields = std::vector<SettingField>;

// With the fields of each kind that declares settings.
void each_kind(Subject& subject, const std::function<void(const cm_service_kind&, const Fields&)>& work) {
  bool any = false;
  for (const auto* kind : subject.kinds()) {
    const auto* declared = subject.manifest().settings_of(kind->kind);
    if (declared == nullptr) continue;
    any = true;
    work(*kind, declared->fields);
  }
  if (!any) throw Skipped("it declares no settings");
}

cm_status change(Service& service, const std::string& bytes, const std::string& what) {
  return service.step("settings: " + what, [&] { return service.host().change_settings(bytes); });
}

std::string named(const SettingValues& values) {
  std::string text;
  for (const auto& [name, value] : values) text += (text.empty() ? "" : ", ") + name + " = " + value.substr(0, 40);
  return text;
}

// It starts with such values, and takes them while it runs.
void takes(Subject& subject, const cm_service_kind& kind, const Fields& fields, const SettingValues& values) {
  const std::string bytes = discovery::encode_settings(fields, values);
  const auto failed = [&](const std::string& what, cm_status status) {
    throw Failed(std::string(kind.kind) + ": " + what + " returned " + status_name(status) + " with " + named(values));
  };
  {
    Service service(subject, kind, {.settings = bytes});
    if (!service.create()) throw Failed(std::string(kind.kind) + ": create made no service with " + named(values));
    const cm_status status = service.start();
    if (status != CM_OK && status != CM_UNAVAILABLE) failed("start", status);
  }
  Service service(subject, kind);
  service.run();
  if (service.implements<cm_plugin_settings>(CM_EXT_SETTINGS) == nullptr) return;
  const cm_status status = change(service, bytes, named(values));
  if (status != CM_OK) failed("on_settings", status);
  valid_messages(service);
}

void defaults(Subject& subject) {
  each_kind(subject, [&](const auto& kind, const auto& fields) { takes(subject, kind, fields, {}); });
}

// The least or the most that a number of a field may be, in the spelling of the KV; empty when there is no such thing.
std::string number_edge(const SettingField& field, bool most) {
  const auto whole = [&](auto least_of_type, auto most_of_type) {
    const auto& bound = most ? field.max : field.min;
    if (bound)
      return std::to_string(static_cast<decltype(least_of_type)>(most ? std::floor(*bound) : std::ceil(*bound)));
    return std::to_string(most ? most_of_type : least_of_type);
  };
  switch (field.type) {
    case SettingType::boolean:
      return most ? "true" : "false";
    case SettingType::int32:
      return whole(std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max());
    case SettingType::int64:
      return whole(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
    case SettingType::uint32:
      return whole(std::numeric_limits<std::uint32_t>::min(), std::numeric_limits<std::uint32_t>::max());
    case SettingType::uint64:
      return whole(std::numeric_limits<std::uint64_t>::min(), std::numeric_limits<std::uint64_t>::max());
    case SettingType::real: {
      const auto& bound = most ? field.max : field.min;
      return bound ? std::to_string(*bound) : std::string();
    }
    case SettingType::text:
      break;
  }
  return {};
}

// The same of the field: of a list as few or as many of these as it may have.
std::string edge(const SettingField& field, bool most) {
  const std::string number = number_edge(field, most);
  if (!field.list) return number;
  std::string list;
  for (std::uint32_t n = 0; n < (most ? field.max_items : field.min_items); ++n) list += (n == 0 ? "" : ",") + number;
  return list;
}

template <bool most>
void at_edge(Subject& subject) {
  bool any = false;
  each_kind(subject, [&](const auto& kind, const auto& fields) {
    for (const auto& field : fields) {
      const auto value = field.check(edge(field, most));
      if (field.type == SettingType::text || !value) continue;
      any = true;
      takes(subject, kind, fields, {{field.name, *value}});
    }
  });
  if (!any) throw Skipped("none of its settings is a number");
}

void choices(Subject& subject) {
  bool any = false;
  each_kind(subject, [&](const auto& kind, const auto& fields) {
    for (const auto& field : fields) {
      for (const auto& choice : field.choices) {
        any = true;
        takes(subject, kind, fields, {{field.name, choice}});
      }
    }
  });
  if (!any) throw Skipped("none of its settings is a choice");
}

// Of the text settings that anybody may fill: whatever it does with such a value, it says so.
void texts(Subject& subject) {
  bool any = false;
  each_kind(subject, [&](const auto& kind, const auto& fields) {
    Service service(subject, kind);
    service.run();
    for (const auto& field : fields) {
      if (field.type != SettingType::text || !field.choices.empty()) continue;
      for (const std::string& value :
           {std::string(), std::string("\xc3\xa4 %s%n ../.. \n"), std::string(65'536, 'x')}) {
        any = true;
        change(service, discovery::encode_settings(fields, {{field.name, value}}),
               field.name + ", a text of " + std::to_string(value.size()) + " bytes");
      }
    }
  });
  if (!any) throw Skipped("none of its settings is a text");
}

void empty(Subject& subject) {
  each_kind(subject, [&](const auto& kind, const auto& fields) {
    Service service(subject, kind);
    service.run();
    change(service, {}, "a message of no bytes");
    if (service.implements<cm_plugin_settings>(CM_EXT_SETTINGS) == nullptr) return;
    const cm_status status =
        change(service, discovery::encode_settings(fields, {}), "the defaults, after a message of no bytes");
    if (status != CM_OK)
      throw Failed(std::string(kind.kind) + ": on_settings returned " + status_name(status) +
                   " for its defaults, after a message of no bytes");
  });
}

void garbage(Subject& subject) {
  Random random = subject.random("settings");
  each_kind(subject, [&](const auto& kind, const auto& fields) {
    const std::string good = discovery::encode_settings(fields, {});
    Service service(subject, kind);
    service.run();
    for (int n = 0; n < 200; ++n) {
      const std::string bytes =
          n % 2 == 0 ? random.bytes(1 + random.below(60)) : good.substr(0, 1 + random.below(good.size()));
      change(service, bytes, in_hex(bytes));
    }
    valid_messages(service);
  });
}

}  // namespace

std::vector<Test> settings_tests() {
  const std::vector<std::string_view> needs{"message.each_valid"};
  static constexpr std::string_view kBounds = "take what its .proto allows, or narrow the bounds there";
  return {
      {"settings.defaults", "It runs with the settings that a fresh KV gets.", "choose defaults that it can work with",
       needs, defaults},
      {"settings.min",
       "It runs with the least that an operator may set.",
       kBounds,
       {"settings.defaults"},
       at_edge<false>},
      {"settings.max",
       "It runs with the most that an operator may set.",
       kBounds,
       {"settings.defaults"},
       at_edge<true>},
      {"settings.choices",
       "It runs with each word that an operator may choose.",
       "handle each of the choices, or take it out of its .proto",
       {"settings.defaults"},
       choices},
      {"settings.texts",
       "A text that an operator mistyped does no harm.",
       "check texts before they are used",
       {"settings.defaults"},
       texts},
      {"settings.empty",
       "Settings of another version, that lack its fields, do no harm.",
       "take a setting that is absent for zero, and check it",
       {"settings.defaults"},
       empty},
      {"settings.garbage",
       "Settings that are damaged do no harm.",
       "check what is read before it is used, and return CM_BAD_MESSAGE",
       {"settings.defaults"},
       garbage},
  };
}

}  // namespace cm::check
