#include <iostream>
#include <sstream>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cli/command.hpp"
#include "cli/manifest_text.hpp"
#include "cli/render.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"

namespace cm::cli {
namespace json = boost::json;

namespace {

std::string_view type_name(discovery::SettingType type) {
  switch (type) {
    case discovery::SettingType::boolean:
      return "bool";
    case discovery::SettingType::int32:
      return "int32";
    case discovery::SettingType::int64:
      return "int64";
    case discovery::SettingType::uint32:
      return "uint32";
    case discovery::SettingType::uint64:
      return "uint64";
    case discovery::SettingType::real:
      return "double";
    case discovery::SettingType::text:
      break;
  }
  return "string";
}

std::string_view mode_name(routing::RouteMode mode) {
  if (mode == routing::RouteMode::auth) return "auth";
  return mode == routing::RouteMode::pass ? "pass" : "";
}

std::string number(double value) {
  std::ostringstream out;
  out.precision(15);
  out << value;
  return out.str();
}

// What a setting may be: "0..3600", "tcp, ws", "1 to 100 of 0..3600".
std::string allowed(const discovery::SettingField& field) {
  std::string out;
  for (const auto& choice : field.choices) out += (out.empty() ? "" : ", ") + choice;
  if (field.min || field.max)
    out = (field.min ? number(*field.min) : "") + ".." + (field.max ? number(*field.max) : "");
  if (field.list) {
    const auto items = std::to_string(field.min_items) + " to " + std::to_string(field.max_items);
    out = out.empty() ? items : items + " of " + out;
  }
  return out;
}

std::string type_text(const discovery::SettingField& field) {
  return std::string(type_name(field.type)) + (field.list ? " list" : "");
}

json::value text_or_null(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object field_json(const discovery::SettingField& field) {
  json::object out{{"name", field.name},
                   {"number", field.number},
                   {"type", type_name(field.type)},
                   {"default", field.shown(field.default_value)}};
  if (field.min) out["min"] = *field.min;
  if (field.max) out["max"] = *field.max;
  if (field.list) {
    out["list"] = true;
    out["min_items"] = field.min_items;
    out["max_items"] = field.max_items;
  }
  if (!field.choices.empty()) out["choices"] = json::array(field.choices.begin(), field.choices.end());
  out["help"] = field.help;
  out["restart"] = field.restart;
  out["secret"] = field.secret;
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + printable(word);
  return out.empty() ? "nothing" : out;
}

std::string messages_text(const plugin::Manifest& manifest) {
  Table table({"ID", "MESSAGE", "SERVICE", "ROUTE"});
  for (const auto& m : manifest.messages) {
    table.add({std::to_string(m.id), printable(m.name), printable(m.service), std::string(mode_name(m.mode))});
  }
  return table.text();
}

std::string settings_text(const plugin::Manifest::Settings& settings) {
  Table table({"SETTING", "TYPE", "DEFAULT", "ALLOWED", "HELP"});
  for (const auto& field : settings.fields) {
    table.add({printable(field.name), type_text(field),
               field.default_value.empty() ? "\"\"" : printable(field.shown(field.default_value)),
               printable(allowed(field)),
               printable(field.help) + (field.restart ? " (after restart)" : "") + (field.secret ? " (secret)" : "")});
  }
  return table.text();
}

int run(const Arguments& arguments) {
  const auto manifest = plugin::read_manifest(arguments.words[0]);
  if (manifest.has_error()) return fail(printable(manifest.error().text));
  std::cout << (arguments.on("json") ? json::serialize(manifest_json(*manifest)) + "\n" : manifest_text(*manifest))
            << std::flush;
  // Shown all the same: the reader wants to know what is in it.
  if (const auto fits = plugin::check_manifest(*manifest, arguments.words[0]); fits.has_error())
    return fail(printable(fits.error().text));
  return std::cout ? kOk : kFailed;
}

}  // namespace

json::object manifest_json(const plugin::Manifest& manifest) {
  json::array messages;
  for (const auto& m : manifest.messages) {
    messages.push_back({{"id", m.id},
                        {"name", m.name},
                        {"service", text_or_null(m.service)},
                        {"route", text_or_null(mode_name(m.mode))}});
  }
  json::array settings;
  for (const auto& s : manifest.settings) {
    json::array fields;
    for (const auto& field : s.fields) fields.push_back(field_json(field));
    settings.push_back({{"kind", s.kind}, {"message", s.message}, {"fields", std::move(fields)}});
  }
  return {{"name", manifest.name},
          {"version", manifest.version},
          {"abi", std::to_string(manifest.abi_major) + "." + std::to_string(manifest.abi_minor)},
          {"sdk_version", manifest.sdk_version},
          {"build_id", text_or_null(manifest.build_id)},
          {"provides", json::array(manifest.provides.begin(), manifest.provides.end())},
          {"requires", json::array(manifest.requires_kinds.begin(), manifest.requires_kinds.end())},
          {"shares", json::array(manifest.shares.begin(), manifest.shares.end())},
          {"gateway", manifest.gateway},
          {"messages", std::move(messages)},
          {"settings", std::move(settings)}};
}

std::string manifest_text(const plugin::Manifest& manifest) {
  std::string out = "plugin    " + printable(manifest.name) + " " + printable(manifest.version) + "\n";
  out += "ABI       " + std::to_string(manifest.abi_major) + "." + std::to_string(manifest.abi_minor) + ", SDK " +
         printable(manifest.sdk_version) + "\n";
  out += "provides  " + joined(manifest.provides) + "\n";
  out += "requires  " + joined(manifest.requires_kinds) + "\n";
  if (!manifest.shares.empty()) out += "shares    " + joined(manifest.shares) + "\n";
  if (!manifest.build_id.empty()) out += "build     " + manifest.build_id + "\n";
  if (!manifest.messages.empty()) out += "\n" + messages_text(manifest);
  for (const auto& settings : manifest.settings) {
    if (settings.fields.empty()) continue;
    out += "\n" + printable(settings.kind) + " (" + printable(settings.message) + ")\n" + settings_text(settings);
  }
  return out;
}

Command manifest_command() {
  return {.name = "manifest",
          .arguments = "FILE.so",
          .summary = "Shows what a plugin says of itself.",
          .details =
              "Name, version, the services it provides and requires, its messages with their ids and routes, its\n"
              "settings. Reads the file and runs nothing of it. Fails when this host could not load it.\n",
          .flags = {{"json", "", "Print it as JSON, for programs."}},
          .min_words = 1,
          .max_words = 1,
          .run = run};
}

}  // namespace cm::cli
