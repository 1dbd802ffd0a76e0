#include <cstdlib>
#include <filesystem>

#include "cli/command.hpp"
#include "gateway/bootstrap.hpp"
#include "gateway/gateway.hpp"

namespace cm::cli {
namespace {

constexpr const char* kBootstrapFlag = "bootstrap";

int run(const Arguments& arguments) {
  std::error_code ec;
  const auto bootstrap = gateway::load_bootstrap({.flags = arguments.flags,
                                                  .env = [](const char* name) { return std::getenv(name); },
                                                  .program = std::filesystem::read_symlink("/proc/self/exe", ec)});
  if (bootstrap.has_error()) {
    fail(bootstrap.error().text);
    return kUsage;
  }
  return gateway::run_host(*bootstrap);
}

}  // namespace

Command host_command() {
  Command command{
      .name = "host",
      .arguments = "",
      .summary = "Runs a host: gateway, links and the services of its plugins.",
      .details =
          "  cellmesh host --dev                            everything in one process, to try it\n"
          "  cellmesh host --consul http://127.0.0.1:8500   one of many; its plugins are named in Consul's KV\n\n"
          "Ends on SIGTERM or Ctrl-C, after its clients were served. All else is a setting: see\n"
          "`cellmesh ctl settings get`. A flag wins over its variable (CELLMESH_GROUP for --group), that over\n"
          "the bootstrap file (`group: dev`), that over the default.\n",
      .flags = {},
      .run = run};
  for (const auto& option : gateway::bootstrap_options()) {
    if (option.flag.empty()) continue;
    command.flags.push_back({std::string(option.flag), std::string(option.value), std::string(option.help)});
    command.flags.back().secret = option.secret;
    if (option.flag == "set") command.flags.back().separator = ";";
  }
  command.flags.insert(command.flags.begin() + 2,
                       {kBootstrapFlag, "FILE", "YAML with these values; also Consul's token (consul: {url, token})."});
  return command;
}

}  // namespace cm::cli
