#include <filesystem>
#include <iostream>
#include <set>

#include "cli/command.hpp"
#include "discovery/consul_rights.hpp"
#include "gateway/access_role.hpp"
#include "gateway/bootstrap.hpp"
#include "gateway/plugin_set.hpp"
#include "plugin/manifest.hpp"

namespace cm::cli {
namespace {

namespace fs = std::filesystem;

int wrong(const std::string& sentence) {
  fail(sentence);
  return kUsage;
}

int print(const std::string& what, const std::vector<discovery::ConsulRight>& rights) {
  std::cout << "# " << what << "\n" << discovery::consul_policy(rights) << std::flush;
  return std::cout ? kOk : fail("cannot write the policy");
}

// By the file's name, or that of another version in the folder.
base::Result<plugin::Manifest> find(const std::string& folder, const gateway::WantedPlugin& wanted) {
  auto manifest = plugin::read_manifest(fs::path(folder) / (wanted.name + ".so"));
  if (!manifest) return base::error(manifest.error().text + "; say where the plugins are with --plugin-dir");
  if (auto status = plugin::check_manifest(*manifest, wanted.name + ".so"); !status) return status.error();
  return manifest;
}

int run(const Arguments& arguments) {
  if (arguments.on("client")) {
    for (const char* other : {"plugins", "name", "also", "plugin-dir"}) {
      if (arguments.has(other))
        return wrong("--client is for no plugins of its own; leave --" + std::string(other) + " out");
    }
    return print("Consul ACL policy of `cellmesh chat --consul` and `cellmesh bots --consul`.",
                 discovery::consul_client_rights());
  }
  if (!arguments.has("plugins")) return wrong("say which plugins the host runs: --plugins game,hub; or --client");
  const auto plugins = gateway::PluginSet::parse(arguments.get("plugins"));
  if (!plugins) return wrong("--plugins has a wrong name in it: " + plugins.error().text);
  if (plugins->empty()) return wrong("say which plugins the host runs: --plugins game,hub");
  std::error_code ec;
  auto folder = base::Result<std::string>(arguments.get("plugin-dir"));
  if (folder->empty()) folder = gateway::find_plugin_dir(fs::read_symlink("/proc/self/exe", ec));
  if (!folder) return wrong(folder.error().text);
  const std::string name = arguments.get("name");
  if (const auto checked = gateway::check_host_name(name); !name.empty() && !checked)
    return wrong("--name " + checked.error().text);
  std::vector<plugin::Manifest> manifests;
  for (const auto& text : *plugins) {
    auto manifest = find(*folder, gateway::WantedPlugin::parse(text));
    if (!manifest) return fail(manifest.error().text);
    manifests.push_back(std::move(*manifest));
  }
  auto role = gateway::access_role(name, manifests);
  const auto also = gateway::PluginSet::parse(arguments.get("also"));
  if (!also) return wrong("--also has a wrong name in it: " + also.error().text);
  role.needs.insert(also->begin(), also->end());
  for (const auto& manifest : manifests) {
    for (const auto& settings : manifest.settings) {
      for (const auto& field : settings.fields) {
        if (field.kind && !field.default_value.empty()) role.needs.insert(field.default_value);
      }
    }
  }
  return print("Consul ACL policy of " + (name.empty() ? "cellmesh hosts" : "the cellmesh host " + name) +
                   " with --plugins " + arguments.get("plugins") + ".",
               discovery::consul_rights(role));
}

}  // namespace

Command acl_policy_command() {
  return {.name = "acl-policy",
          .arguments = "",
          .summary = "Prints the Consul ACL policy that a host needs, and no more.",
          .details =
              "  cellmesh acl-policy --plugins game,hub --name 0@dev > game.hcl\n"
              "  consul acl policy create -name cellmesh-game -rules @game.hcl\n"
              "  consul acl token create -policy-name cellmesh-game\n\n"
              "The rights follow from the plugins' manifests: the kinds of service that they provide and require,\n"
              "their settings and routes, and the shared entries that they write.\n",
          .flags = {{"plugins", "A,B", "Plugins that the host runs."},
                    {"name", "NAME",
                     "Name of the host, if the KV names its plugins; without, for any hosts that are given --plugins."},
                    {"also", "A,B", "Kinds of service to find besides, as settings name them (login/game_kind)."},
                    {"plugin-dir", "DIR", "Folder of the plugins (the one installed with this program)."},
                    {"client", "", "For `cellmesh chat --consul` and `cellmesh bots --consul` instead of a host."}},
          .run = run};
}

}  // namespace cm::cli
