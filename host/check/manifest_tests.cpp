// What the plugin says of itself, read without running it.
#include <algorithm>
#include <charconv>
#include <string_view>

#include "check/subject.hpp"
#include "check/test.hpp"
#include "plugin/collisions.hpp"
#include "routing/ids.hpp"

namespace cm::check {
namespace {

constexpr std::size_t kMaxManifest = std::size_t{16} << 20U;

void present(Subject& subject) {
  const auto section = subject.elf().section(CM_MANIFEST_SECTION, kMaxManifest);
  if (!section) throw Failed(section.error().text);
  if (!*section) throw Failed("it has no section " CM_MANIFEST_SECTION);
}

void parses(Subject& subject) { (void)subject.manifest(); }

void abi_version(Subject& subject) {
  const auto& manifest = subject.manifest();
  if (manifest.abi_major == CM_ABI_MAJOR && manifest.abi_minor <= CM_ABI_MINOR) return;
  throw Failed("it is built for plugin ABI " + std::to_string(manifest.abi_major) + "." +
               std::to_string(manifest.abi_minor) + " and this host has " + std::to_string(CM_ABI_MAJOR) + "." +
               std::to_string(CM_ABI_MINOR));
}

bool is_version(std::string_view text) {
  for (int part = 0; part < 3; ++part) {
    unsigned number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (part < 2 && !text.starts_with('.')) return false;
    if (part < 2) text.remove_prefix(1);
  }
  return text.empty() || text.starts_with('-') || text.starts_with('+');
}

void version(Subject& subject) {
  const auto& text = subject.manifest().version;
  if (!is_version(text)) throw Failed("its version is \"" + text + "\"");
}

void unique_ids(Subject& subject) {
  const auto& messages = subject.manifest().messages;
  for (std::size_t i = 1; i < messages.size(); ++i) {
    if (messages[i].id != messages[i - 1].id) continue;
    throw Failed("its messages " + messages[i - 1].name + " and " + messages[i].name + " have the same id " +
                 std::to_string(messages[i].id));
  }
}

void ids_of_host(Subject& subject) {
  if (const auto fits = plugin::check_host_messages(subject.manifest(), subject.label()); !fits) {
    throw Refused(fits.error().text);
  }
}

void routes(Subject& subject) {
  for (const auto& message : subject.manifest().messages) {
    if (message.mode == routing::RouteMode::blocked) continue;
    if (!routing::ServiceName::parse(message.service + "#0@x")) {
      throw Failed("the route of " + message.name + " goes to \"" + message.service +
                   "\", which is no kind of service");
    }
  }
}

// All that a host asks of it but what the tests above are for.
void fits(Subject& subject) {
  plugin::Manifest rest = subject.manifest();
  rest.abi_major = CM_ABI_MAJOR;
  rest.abi_minor = CM_ABI_MINOR;
  rest.version = "1.0.0";
  const auto same_id = [](const auto& a, const auto& b) { return a.id == b.id; };
  rest.messages.erase(std::unique(rest.messages.begin(), rest.messages.end(), same_id), rest.messages.end());
  if (const auto checked = plugin::check_manifest(rest, subject.label()); !checked) throw Refused(checked.error().text);
}

}  // namespace

std::vector<Test> manifest_tests() {
  return {
      {"manifest.present",
       "The host knows what a plugin is before it runs a line of it.",
       "build it with cellmesh_add_plugin()",
       {"file.elf"},
       present},
      {"manifest.parses",
       "The host refuses, and does not guess at, a manifest that is damaged or of a newer format.",
       "build it again with cellmesh_add_plugin()",
       {"manifest.present"},
       parses},
      {"manifest.fits",
       "Names, kinds and settings are such as a host and the KV can hold.",
       "change what the sentence names and build it again",
       {"manifest.parses"},
       fits},
      {"manifest.version",
       "Of two plugins that publish the same routes the newer is found by its version.",
       "give it a VERSION of the form MAJOR.MINOR.PATCH in its CMake file",
       {"manifest.parses"},
       version},
      {"abi.version",
       "A plugin of another ABI is not run at all.",
       "build it with the SDK of the oldest host that you run",
       {"manifest.parses"},
       abi_version},
      {"ids.unique",
       "An id names one message.",
       "give one of the two another with option (cellmesh.id)",
       {"manifest.parses"},
       unique_ids},
      {"ids.collide_with_host",
       "What the host itself says to clients and to the hub is not taken for the plugin's.",
       "give the message another id with option (cellmesh.id)",
       {"manifest.parses"},
       ids_of_host},
      {"routes.name_a_service",
       "A gateway that publishes its routes knows where each message goes.",
       "name the kind with option (cellmesh.service) where option (cellmesh.route) stands",
       {"manifest.parses"},
       routes},
  };
}

}  // namespace cm::check
