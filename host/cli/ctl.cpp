#include "cli/ctl.hpp"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <span>

#include <boost/json/serialize.hpp>

#include "admin/client.hpp"
#include "admin/socket_dir.hpp"
#include "base/operator_text.hpp"
#include "cli/command.hpp"
#include "cli/ctl_actions.hpp"
#include "cli/render.hpp"
#include "cli/text.hpp"

namespace cm::cli {
namespace json = boost::json;

namespace {

constexpr auto kNameTimeout = std::chrono::seconds(1);

std::string name_of(const std::string& socket) {
  const auto status = admin::ask(socket, "status", {}, kNameTimeout);
  if (status.has_error() || !status->is_object()) return "(does not answer)";
  const json::value* host = status->get_object().if_contains("host");
  return host != nullptr ? render_cell(*host) : "";
}

int usage(const std::string& why) {
  std::cerr << "cellmesh ctl: " << why << "\n";
  return kUsage;
}

int run(const Arguments& arguments) {
  const std::span<const std::string> words = arguments.words;
  const auto match = match_ctl_action(words);
  if (match.has_error()) return usage(match.error().text);
  const CtlAction& action = *match->action;
  const auto rest = words.subspan(match->taken);
  const std::string form = "cellmesh ctl " + std::string(action.words) + (action.arguments.empty() ? "" : " ") +
                           std::string(action.arguments);
  if (rest.size() < action.min) return usage("something is missing; it is used as `" + form + "`");
  if (rest.size() > action.max)
    return usage("\"" + rest[action.max] + "\" is one word too many; it is used as `" + form + "`");
  const auto args = action.args(rest, arguments);
  if (args.has_error()) return usage(args.error().text);

  const char* env = std::getenv("CELLMESH_ADMIN_SOCKET");
  const std::string named = arguments.get("admin-socket", env != nullptr ? env : "");
  const auto socket = find_host(std::string(base::trimmed(named)), admin::socket_dirs());
  if (socket.has_error()) return fail(socket.error().text);
  const auto result = admin::ask(*socket, action.command, *args);
  if (result.has_error()) return fail(printable(result.error().text));
  std::cout << (arguments.on("json") ? json::serialize(*result) + "\n" : action.show(*result)) << std::flush;
  const json::object* object = result->if_object();
  // A reload that was refused; a host that is not ready.
  const auto denies = [&](const char* key) {
    const json::value* value = object != nullptr ? object->if_contains(key) : nullptr;
    return value != nullptr && value->is_bool() && !value->get_bool();
  };
  return std::cout && !denies("ok") && !denies("ready") ? kOk : kFailed;
}

std::string details() {
  std::string out = "Asks the host that runs on this machine, through its admin socket.\n\n";
  std::size_t column = 0;
  const auto head = [](const CtlAction& a) {
    return "  " + std::string(a.words) + (a.arguments.empty() ? "" : " " + std::string(a.arguments));
  };
  for (const CtlAction& action : ctl_actions()) column = std::max(column, head(action).size() + 2);
  for (const CtlAction& action : ctl_actions()) {
    std::string line = head(action);
    line.resize(column, ' ');
    out += line + std::string(action.help) + "\n";
  }
  return out;
}

}  // namespace

base::Result<std::string> find_host(const std::string& named, const std::vector<std::string>& dirs) {
  if (!named.empty()) return named;
  const std::vector<std::string> sockets = admin::live_sockets(dirs);
  if (sockets.size() == 1) return sockets.front();
  if (sockets.empty()) {
    return base::error(
        "no host of yours runs on this machine; start one with `cellmesh host --dev`, or give the --admin-socket of "
        "one");
  }
  std::string text = "several hosts run here; say which with --admin-socket:";
  for (const std::string& socket : sockets) text += "\n  --admin-socket " + socket + "   " + name_of(socket);
  return base::error(text);
}

Command ctl_command() {
  return {.name = "ctl",
          .arguments = "WHAT [...]",
          .summary = "Looks into a running host, and changes it.",
          .details = details(),
          .flags = {{"admin-socket", "PATH", "The host's admin socket; not needed when one host runs."},
                    {"json", "", "Print the answer as JSON, for programs."},
                    {"limit", "N", "How many clients to show."},
                    {"force", "", "Set a setting that this host does not know."}},
          .min_words = 1,
          .max_words = 1000,
          .run = run};
}

}  // namespace cm::cli
