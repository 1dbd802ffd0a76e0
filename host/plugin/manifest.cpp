#include "plugin/manifest.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <utility>

#include "cellmesh/abi/plugin.h"
#include "cellmesh/manifest.pb.h"
#include "plugin/elf_file.hpp"
#include "plugin/shared_kv.hpp"
#include "routing/ids.hpp"

namespace cm::plugin {
namespace {

constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kMaxManifest = 16U << 20U;
constexpr std::size_t kMaxListed = 65'535;

discovery::SettingType type_of(cellmesh::Manifest::Type type) {
  switch (type) {
    case cellmesh::Manifest::BOOL:
      return discovery::SettingType::boolean;
    case cellmesh::Manifest::INT32:
      return discovery::SettingType::int32;
    case cellmesh::Manifest::INT64:
      return discovery::SettingType::int64;
    case cellmesh::Manifest::UINT32:
      return discovery::SettingType::uint32;
    case cellmesh::Manifest::UINT64:
      return discovery::SettingType::uint64;
    case cellmesh::Manifest::DOUBLE:
      return discovery::SettingType::real;
    default:
      return discovery::SettingType::text;
  }
}

constexpr std::uint32_t kMaxItems = 1000;  // of a setting that is a list

bool is_type(cellmesh::Manifest::Type type) {
  return type >= cellmesh::Manifest::BOOL && type <= cellmesh::Manifest::STRING;
}

base::Error refuse(const std::string& label, const std::string& why) {
  return base::error(label + " is refused: " + why);
}

base::Result<Manifest::Settings> settings_from(const cellmesh::Manifest::Settings& in, const std::string& label) {
  Manifest::Settings out{in.kind(), in.message(), {}};
  for (const auto& f : in.fields()) {
    if (!is_type(f.type())) {
      return refuse(label, "its setting " + in.kind() + "/" + f.name() + " has a type that this host does not know (" +
                               std::to_string(f.type()) + "); run a newer host, or build the plugin with this SDK");
    }
    discovery::SettingField field;
    field.name = f.name();
    field.number = f.number();
    field.type = type_of(f.type());
    field.default_value = f.default_value();
    if (f.has_min()) field.min = f.min();
    if (f.has_max()) field.max = f.max();
    field.choices.assign(f.choices().begin(), f.choices().end());
    field.help = f.help();
    field.restart = f.restart();
    field.list = f.list();
    field.min_items = f.min_items();
    field.max_items = f.max_items();
    field.secret = f.secret();
    field.url = f.url();
    field.kind = f.kind();
    out.fields.push_back(std::move(field));
  }
  return out;
}

base::Status check_kinds(const Manifest& m, const std::string& label) {
  if (m.provides.empty()) {
    return refuse(label, "its manifest provides no kind of service; name one in CELLMESH_PLUGIN() and build it again");
  }
  std::set<std::string_view> seen;
  for (const auto& kind : m.provides) {
    if (!routing::ServiceName::parse(kind + "#0@x")) {
      return refuse(label, "it provides the kind \"" + kind.substr(0, 100) +
                               "\"; a kind is 1 to 64 of A-Z, a-z, 0-9, '_', '.' and '-': rename it");
    }
    if (!seen.insert(kind).second) {
      return refuse(label, "it provides the kind \"" + kind + "\" twice; name it once");
    }
  }
  for (const auto& kind : m.requires_kinds) {
    if (!routing::ServiceName::parse(kind + "#0@x")) {
      return refuse(label, "it requires the kind \"" + kind.substr(0, 100) + "\", which is no name of a kind");
    }
  }
  return {};
}

base::Status check_settings(const Manifest& m, const std::string& label) {
  std::set<std::string_view> kinds;
  for (const auto& settings : m.settings) {
    if (std::find(m.provides.begin(), m.provides.end(), settings.kind) == m.provides.end()) {
      return refuse(label, "it declares settings for \"" + settings.kind +
                               "\", a kind that it does not provide; see option (cellmesh.settings) of " +
                               settings.message);
    }
    if (!kinds.insert(settings.kind).second) {
      return refuse(label, "it declares settings for \"" + settings.kind + "\" twice; keep one settings message");
    }
    std::set<std::string_view> names;
    std::set<std::uint32_t> numbers;
    for (const auto& field : settings.fields) {
      const std::string path = settings.kind + "/" + field.name;
      if (!routing::ServiceName::parse(field.name + "#0@x") || !names.insert(field.name).second) {
        return refuse(label, "its setting \"" + path + "\" has a bad name, or one that stands there twice");
      }
      if (field.number == 0 || field.number > 536'870'911 || !numbers.insert(field.number).second) {
        return refuse(label, "its setting " + path + " has a field number that is bad or stands there twice");
      }
      if (field.list && (field.type == discovery::SettingType::boolean || field.type == discovery::SettingType::text)) {
        return refuse(label, "its setting " + path + " is a list, and not one of numbers");
      }
      if (field.max_items > kMaxItems) {
        return refuse(label, "its setting " + path + " is a list of up to " + std::to_string(field.max_items) +
                                 "; the most is " + std::to_string(kMaxItems));
      }
      if (field.kind && (field.type != discovery::SettingType::text || field.secret)) {
        return refuse(label, "its setting " + path + " names a kind of service, and is not a text");
      }
      const bool plain_text = field.type == discovery::SettingType::text && field.choices.empty();
      if (field.secret && !(plain_text && field.default_value.empty())) {
        return refuse(label, "its setting " + path + " is a secret, and not a text without default and choices");
      }
      if (const auto checked = field.check(field.default_value); !checked) {
        return refuse(label, "the default of its setting " + path + " is none: " + checked.error().text);
      }
    }
  }
  return {};
}

}  // namespace

const Manifest::Message* Manifest::message(std::uint16_t id) const {
  const auto it = std::lower_bound(messages.begin(), messages.end(), id,
                                   [](const Message& m, std::uint16_t i) { return m.id < i; });
  return it != messages.end() && it->id == id ? &*it : nullptr;
}

std::uint8_t Manifest::since(std::uint16_t id) const {
  const auto it = std::lower_bound(new_messages.begin(), new_messages.end(), id,
                                   [](const NewMessage& m, std::uint16_t i) { return m.id < i; });
  return it != new_messages.end() && it->id == id ? it->since : std::uint8_t{0};
}

const Manifest::Settings* Manifest::settings_of(std::string_view kind) const {
  const auto it = std::find_if(settings.begin(), settings.end(), [&](const Settings& s) { return s.kind == kind; });
  return it != settings.end() ? &*it : nullptr;
}

std::string_view Manifest::state_of(std::string_view kind) const {
  const auto it = std::find_if(states.begin(), states.end(), [&](const State& s) { return s.kind == kind; });
  return it != states.end() ? std::string_view(it->message) : std::string_view();
}

routing::ServiceRoutes Manifest::routes_of(std::string_view kind) const {
  routing::ServiceRoutes routes;
  routes.service = kind;
  routes.version = version;
  for (const auto& m : messages) {
    if (m.service == kind && m.mode != routing::RouteMode::blocked) routes.rules.push_back({m.id, m.name, m.mode});
  }
  return routes;
}

base::Result<Manifest> read_manifest(const std::filesystem::path& path) {
  const auto file = ElfFile::open(path);
  if (!file) return file.error();
  const std::string label = path.filename().string();
  auto bytes = file->section(CM_MANIFEST_SECTION, kMaxManifest);
  if (!bytes) return bytes.error();
  if (!*bytes) {
    return base::error(label + " is a shared library, but no cellmesh plugin (it has no section " CM_MANIFEST_SECTION
                               "); build it with cellmesh_add_plugin()");
  }
  auto manifest = parse_manifest(**bytes, label);
  if (manifest) manifest->build_id = file->build_id();
  return manifest;
}

base::Result<Manifest> parse_manifest(std::string_view bytes, const std::string& label) {
  cellmesh::Manifest in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return refuse(label, "its manifest does not parse; build it again with cellmesh_add_plugin()");
  }
  if (in.format() == 0 || in.format() > kFormat) {
    return refuse(label, "its manifest is of format " + std::to_string(in.format()) + " and this host reads " +
                             std::to_string(kFormat) + "; run a newer host, or build the plugin with this SDK");
  }
  Manifest out;
  out.name = in.name();
  out.version = in.version();
  out.abi_major = in.abi_major();
  out.abi_minor = in.abi_minor();
  out.sdk_version = in.sdk_version();
  out.provides.assign(in.provides().begin(), in.provides().end());
  out.shares.assign(in.shares().begin(), in.shares().end());
  out.gateway = in.gateway();
  out.requires_kinds.assign(in.requires_kinds().begin(), in.requires_kinds().end());
  if (static_cast<std::size_t>(in.messages_size()) > kMaxListed) return refuse(label, "it lists too many messages");
  for (const auto& m : in.messages()) {
    if (m.id() == 0 || m.id() > std::numeric_limits<std::uint16_t>::max() || m.name().empty() || m.route() > 2) {
      return refuse(label,
                    "its message \"" + m.name().substr(0, 200) + "\" has the id " + std::to_string(m.id()) +
                        " and the route " + std::to_string(m.route()) +
                        "; an id is 1 to 65535 and a route NONE, PASS or AUTH: fix the option, or run a newer host");
    }
    const auto id = static_cast<std::uint16_t>(m.id());
    if (m.since() > std::numeric_limits<std::uint8_t>::max()) {
      return refuse(label, "its message " + m.name().substr(0, 200) +
                               " has (cellmesh.since) = " + std::to_string(m.since()) + "; the highest is 250");
    }
    if (m.since() > 1) out.new_messages.push_back({id, static_cast<std::uint8_t>(m.since())});
    out.messages.push_back({id, m.name(), m.service(), static_cast<routing::RouteMode>(m.route())});
  }
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::stable_sort(out.messages.begin(), out.messages.end(), by_id);
  std::stable_sort(out.new_messages.begin(), out.new_messages.end(), by_id);
  for (const auto& s : in.settings()) {
    auto settings = settings_from(s, label);
    if (!settings) return settings.error();
    out.settings.push_back(std::move(*settings));
  }
  for (const auto& s : in.states()) out.states.push_back({s.kind(), s.message()});
  if (in.has_descriptors()) out.descriptors = in.descriptors().SerializeAsString();
  return out;
}

base::Status check_manifest(const Manifest& m, const std::string& label) {
  const std::string built = "it is built for plugin ABI " + std::to_string(m.abi_major) + "." +
                            std::to_string(m.abi_minor) + " and this host has " + std::to_string(CM_ABI_MAJOR) + "." +
                            std::to_string(CM_ABI_MINOR) + "; ";
  if (m.abi_major != CM_ABI_MAJOR) {
    return refuse(label, built + "build it again with an SDK of major version " + std::to_string(CM_ABI_MAJOR));
  }
  if (m.abi_minor > CM_ABI_MINOR) return refuse(label, built + "run a newer host, or build it with this host's SDK");
  if (!routing::ServiceName::parse(m.name + "#0@x")) {
    return refuse(label, "its name is \"" + m.name.substr(0, 100) +
                             "\"; a name is 1 to 64 of A-Z, a-z, 0-9, '_', '.' and '-': rename it in its CMake file");
  }
  if (m.version.empty() || m.version.size() > 64) {
    return refuse(label, "it has no version of the form MAJOR.MINOR.PATCH; give it one in its CMake file");
  }
  if (auto status = check_kinds(m, label); !status) return status;
  for (std::size_t i = 1; i < m.messages.size(); ++i) {
    if (m.messages[i].id != m.messages[i - 1].id) continue;
    return refuse(label, "its messages " + m.messages[i - 1].name + " and " + m.messages[i].name +
                             " have the same id " + std::to_string(m.messages[i].id) +
                             "; give one of the two another with option (cellmesh.id)");
  }
  for (const auto& prefix : m.shares) {
    if (prefix.empty() || !SharedKv::good_prefix(prefix))
      return refuse(label, "it shares \"" + prefix.substr(0, 100) +
                               "\", which is not a prefix of shared entries; see SHARES of cellmesh_add_plugin()");
  }
  return check_settings(m, label);
}

}  // namespace cm::plugin
