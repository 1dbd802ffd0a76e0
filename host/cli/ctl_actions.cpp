#include "cli/ctl_actions.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "base/closest.hpp"
#include "cli/render.hpp"

namespace cm::cli {
namespace json = boost::json;
using Words = std::span<const std::string>;
using Args = base::Result<json::object>;

namespace {

Args no_args(Words, const Arguments&) { return json::object(); }

// The words as the values of these keys, in order; those that are not there are left out.
template <std::size_t N>
json::object keyed(Words words, const std::array<std::string_view, N>& keys) {
  json::object out;
  for (std::size_t i = 0; i < std::min(N, words.size()); ++i) out[keys[i]] = words[i];
  return out;
}

Args kind_args(Words words, const Arguments&) { return keyed<1>(words, {"kind"}); }
Args prefix_args(Words words, const Arguments&) { return keyed<1>(words, {"prefix"}); }
Args service_args(Words words, const Arguments&) { return keyed<1>(words, {"service"}); }
Args name_args(Words words, const Arguments&) { return keyed<1>(words, {"name"}); }
// The host may stand in another folder.
Args reload_args(Words words, const Arguments&) {
  json::object out = keyed<1>(words, {"name"});
  if (words.size() < 2) return out;
  std::error_code ec;
  const bool is_path = words[1].find('/') != std::string::npos || std::filesystem::is_regular_file(words[1], ec);
  out["file"] = is_path ? std::filesystem::absolute(words[1], ec).string() : words[1];
  return out;
}
Args levels_args(Words words, const Arguments&) { return keyed<1>(words, {"levels"}); }

Args clients_args(Words words, const Arguments& flags) {
  json::object out = keyed<1>(words, {"agent"});
  if (flags.has("limit")) {
    const std::string text = flags.get("limit");
    std::uint32_t limit = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (ec != std::errc() || end != text.data() + text.size() || limit == 0) {
      return base::error("--limit is \"" + text + "\", and must be a number from 1 on");
    }
    out["limit"] = limit;
  }
  return out;
}

Args set_args(Words words, const Arguments& flags) {
  json::object out = keyed<2>(words, {"path", "value"});
  if (words[1] == "-") out["value"] = std::string(std::istreambuf_iterator<char>(std::cin), {});  // no secret in `ps`
  if (flags.on("force")) out["force"] = true;
  return out;
}

Args kick_args(Words words, const Arguments&) {
  json::object out = keyed<1>(words, {"client"});
  std::string text;
  for (const std::string& word : words.subspan(1)) text += (text.empty() ? "" : " ") + word;
  if (!text.empty()) out["text"] = text;
  return out;
}

// A file with the routes of a service as `routes show SERVICE --json` prints them; or the name of a service.
Args push_args(Words words, const Arguments&) {
  const std::string& name = words[0];
  std::string text;
  if (name == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else if (std::error_code ec; std::filesystem::is_regular_file(name, ec)) {
    std::ifstream in(name, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(in), {});
  } else if (name.find_first_of("/.") != std::string::npos) {
    return base::error("there is no file " + name + "; give a file of routes, or the name of a service");
  } else {
    return json::object{{"service", name}};
  }
  json::error_code ec;
  json::value value = json::parse(text, ec);
  if (!ec && value.is_array() && value.get_array().size() == 1) value = json::value(value.get_array().front());
  const json::object* routes = ec ? nullptr : value.if_object();
  if (routes == nullptr || !routes->contains("service") || !routes->contains("rules")) {
    return base::error(
        name + " is not the routes of one service; write them as `cellmesh ctl routes show SERVICE --json` does: " +
        R"({"service":"game","version":"1.0.0","rules":[{"id":29052,"message":"proto.ChatREQ","mode":"auth"}]})");
  }
  return *routes;
}

std::string show_rows(const json::value& result) { return render(result); }

// Tables without what only programs want to know; --json has it all.
std::string show_links(const json::value& result) {
  return result.is_array() ? render_table(result.get_array(), "no other host is linked",
                                          "boot,worker,dialed,bytes_in,bytes_out,unacked,parked")
                           : render(result);
}

// One line a generation.
std::string show_plugins(const json::value& result) {
  const json::array* plugins = result.if_array();
  if (plugins == nullptr) return render(result);
  json::array lines;
  for (const json::value& one : *plugins) {
    const json::object* plugin = one.if_object();
    const json::value* generations = plugin != nullptr ? plugin->if_contains("generations") : nullptr;
    if (generations == nullptr || !generations->is_array()) {
      lines.push_back(one);
      continue;
    }
    bool first = true;
    for (const json::value& generation : generations->get_array()) {
      json::object line{{"name", plugin->at("name")}};
      if (generation.is_object()) {
        for (const auto& [key, value] : generation.get_object()) line[key] = value;
      }
      if (const json::value* age = line.if_contains("age_ms")) line["age_sec"] = age->to_number<std::int64_t>() / 1000;
      for (const auto key : {"provides", "handled"}) {
        if (const json::value* value = plugin->if_contains(key); first && value != nullptr) line[key] = *value;
      }
      first = false;
      lines.push_back(std::move(line));
    }
  }
  return render_table(lines, "no plugin is loaded", "build_id,age_ms");
}

// "game 1.2.0 (generation 3) took over from 1.1.0 (2) without a message lost: ..."
std::string show_reload(const json::value& result) {
  const json::object* report = result.if_object();
  if (report == nullptr || !report->contains("steps")) return render(result);
  const auto cell = [&](const char* key) {
    const json::value* value = report->if_contains(key);
    return value != nullptr ? render_cell(*value) : std::string();
  };
  const json::value* why = report->if_contains("why");
  std::string out;
  if (const json::array* steps = report->at("steps").if_array(); steps != nullptr && !steps->empty()) {
    json::array lines;
    for (const json::value& one : *steps) {
      const json::object* step = one.if_object();
      if (step == nullptr) continue;
      lines.push_back(json::object{
          {"step", step->at("step")}, {"ms", step->at("us").to_number<double>() / 1000.0}, {"", step->at("note")}});
    }
    out += render_table(lines);
  }
  if (why != nullptr) {
    return out + "refused: " + render_cell(*why) + "\n" +
           (cell("from") == "0"
                ? ""
                : cell("plugin") + " " + cell("from_version") + " (generation " + cell("from") + ") goes on\n");
  }
  return out + cell("plugin") + " " + cell("to_version") + " (generation " + cell("to") + ") took over from " +
         cell("from_version") + " (generation " + cell("from") + "), paused for " + cell("pause_us") + " us\n";
}

std::string show_clients(const json::value& result) {
  const json::object* object = result.if_object();
  const json::value* rows = object != nullptr ? object->if_contains("clients") : nullptr;
  if (rows == nullptr || !rows->is_array()) return render(result);
  std::string out = render_table(rows->get_array(), "no client is connected");
  const json::value* total = object->if_contains("total");
  const std::size_t shown = rows->get_array().size();
  if (total != nullptr && total->to_number<std::uint64_t>() > shown) {
    out += std::to_string(shown) + " of " + render_cell(*total) + "; --limit N shows more\n";
  }
  return out;
}

// Marks settings that need a restart, with the value that is in force until then.
std::string show_settings(const json::value& result) {
  const json::array* rows = result.if_array();
  if (rows == nullptr) return render(result);
  json::array lines;
  for (const json::value& one : *rows) {
    json::object line = one.is_object() ? one.get_object() : json::object();
    const json::value* restart = line.if_contains("restart");
    const json::value* running = line.if_contains("running");
    std::string applies = restart != nullptr && *restart == json::value(true) ? "after restart" : "at once";
    if (running != nullptr && running->is_string()) {
      applies = "pending: runs with \"" + std::string(running->get_string()) + "\" until restart";
    }
    line["restart"] = applies;
    lines.push_back(std::move(line));
  }
  std::string left_out = "instance,running,secret,why";
  return render_table(lines, "this host has no settings yet", left_out);
}

// One line a rule.
std::string show_routes(const json::value& result) {
  const json::array* services = result.if_array();
  if (services == nullptr) return render(result);
  json::array lines;
  for (const json::value& one : *services) {
    const json::object* service = one.if_object();
    const json::value* rules = service != nullptr ? service->if_contains("rules") : nullptr;
    if (rules == nullptr || !rules->is_array()) continue;
    for (const json::value& rule : rules->get_array()) {
      json::object line;
      for (const auto key : {"service", "version"}) {
        if (const json::value* value = service->if_contains(key)) line[key] = *value;
      }
      if (rule.is_object()) {
        for (const auto& member : rule.get_object()) line[member.key()] = member.value();
      }
      lines.push_back(std::move(line));
    }
  }
  return render_table(lines, "there are no routes yet");
}

constexpr std::array<CtlAction, 15> kActions{{
    {"status", "", "status", "The host, its discovery, what it carries. Exit code 1 while it is not ready, and why.", 0,
     0, no_args, show_rows},
    {"services", "[KIND]", "services", "Services that this host reaches: its own, and those of linked hosts.", 0, 1,
     kind_args, show_rows},
    {"links", "", "links", "Links to other hosts.", 0, 0, no_args, show_links},
    {"clients", "[AGENT]", "clients", "Clients of this host's frontends; --limit N of them (100).", 0, 1, clients_args,
     show_clients},
    {"plugins", "", "plugins",
     "Plugins that are loaded, and their generations; those refused, with why and the next try.", 0, 0, no_args,
     show_plugins},
    {"settings get", "[PREFIX]", "settings.get", "Settings, their values and what they mean.", 0, 1, prefix_args,
     show_settings},
    {"settings set", "PATH VALUE", "settings.set",
     "Changes agent/max_body, or agent/0@dev/max_body for one; -: from standard input; --force.", 2, 2, set_args,
     show_rows},
    {"routes show", "[SERVICE]", "routes.show", "Which service gets which client message.", 0, 1, service_args,
     show_routes},
    {"routes push", "FILE|SERVICE", "routes.push",
     "Publishes routes from a file (JSON), or those of the plugin loaded here.", 1, 1, push_args, show_rows},
    {"kick", "CLIENT [TEXT...]", "kick", "Closes a client, which is told the text.", 1, 1000, kick_args, show_rows},
    {"load", "NAME", "load", "Loads a plugin of the plugin folder.", 1, 1, name_args, show_rows},
    {"unload", "NAME", "unload", "Stops a plugin's services and unloads it.", 1, 1, name_args, show_rows},
    {"reload", "NAME [FILE]", "reload",
     "Puts a new build of a plugin in its place while it runs, from its file or another.", 1, 2, reload_args,
     show_reload},
    {"rollback", "NAME", "rollback", "Brings the version before the last reload back.", 1, 1, name_args, show_reload},
    {"log", "[LEVELS]", "log", "Shows the log levels, or sets them: debug, or info,mesh=trace.", 0, 1, levels_args,
     show_rows},
}};

}  // namespace

std::span<const CtlAction> ctl_actions() { return kActions; }

base::Result<CtlMatch> match_ctl_action(std::span<const std::string> words) {
  std::vector<std::string_view> known;
  for (const CtlAction& action : kActions) {
    const std::size_t count = 1 + static_cast<std::size_t>(std::count(action.words.begin(), action.words.end(), ' '));
    known.push_back(action.words);
    if (count > words.size()) continue;
    const std::string asked = count == 1 ? words[0] : words[0] + " " + words[1];
    if (asked == action.words) return CtlMatch{&action, count};
  }
  std::string asked = words[0];
  const bool two =
      std::any_of(known.begin(), known.end(), [&](std::string_view k) { return k.starts_with(words[0] + " "); });
  if (two && words.size() > 1) asked += " " + words[1];
  if (two && words.size() == 1) {
    std::string all;
    for (const auto k : known) {
      if (k.starts_with(words[0] + " ")) all += (all.empty() ? "" : " or ") + ("\"" + std::string(k) + "\"");
    }
    return base::error("\"" + words[0] + "\" needs another word: " + all);
  }
  const std::string meant = base::did_you_mean(asked, known);
  return base::error("there is no \"" + asked + "\"" +
                     (meant.empty() ? "; `cellmesh help ctl` lists what there is" : meant));
}

}  // namespace cm::cli
