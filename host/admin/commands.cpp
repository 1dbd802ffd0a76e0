#include "admin/commands.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/log.hpp"
#include "cellmesh/abi/clients.h"

namespace cm::admin {
namespace json = boost::json;
using Shared = std::shared_ptr<const Sources>;

namespace {

constexpr std::size_t kDefaultClients = 100;
constexpr std::size_t kMostClients = 100'000;
constexpr std::size_t kLongestKickText = 1024;

// A text argument; empty when it is not given.
base::Result<std::string> text_arg(const json::object& args, std::string_view name) {
  const json::value* value = args.if_contains(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return base::error("\"" + std::string(name) + "\" must be a text");
  return std::string(value->get_string());
}

base::Result<std::string> needed_arg(const json::object& args, std::string_view name, std::string_view example) {
  auto text = text_arg(args, name);
  if (text.has_value() && text->empty())
    return base::error("\"" + std::string(name) + "\" is missing; give one, such as " + std::string(example));
  return text;
}

// `done` of a command whose success has nothing to tell but a sentence.
discovery::Discovery::Done say(Done done, std::string sentence) {
  return [done = std::move(done), sentence = std::move(sentence)](const base::Status& status) {
    if (status.has_error()) return done(status.error());
    done(json::value(sentence));
  };
}

void status(const Shared& s, const json::object&, const Done& done) {
  json::object out = s->status();
  const auto state = s->discovery.state();
  out["discovery"] = {{"kind", state.kind},
                      {"address", state.address},
                      {"reachable", state.reachable},
                      {"registered", state.registered},
                      {"last_error", state.last_error}};
  const auto snapshot = s->registry.snapshot();
  out["services"] = snapshot->entries.size();
  std::size_t rules = 0;
  for (const auto& [service, routes] : s->routes.all()) rules += routes.rules.size();
  out["routes"] = rules;
  done(json::value(std::move(out)));
}

void services(const Shared& s, const json::object& args, const Done& done) {
  const auto kind = text_arg(args, "kind");
  if (kind.has_error()) return done(kind.error());
  json::array out;
  const auto snapshot = s->registry.snapshot();
  for (const auto& entry : snapshot->entries) {
    const std::string_view name = s->registry.names().kind_name(entry.kind);
    if (!kind->empty() && name != *kind) continue;
    json::object row{{"id", s->registry.names().service_id(entry.ref)}, {"kind", name}};
    row["host"] = entry.host.empty() ? json::value(nullptr) : json::value(entry.host);
    row["users"] = routing::Registry::load_known(entry) ? json::value(entry.load->users.load()) : json::value(nullptr);
    row["address"] = entry.public_address.empty() ? json::value(nullptr) : json::value(entry.public_address);
    row["gateway"] = entry.gateway;
    row["draining"] = entry.draining;
    row["unhealthy"] = entry.unhealthy.empty() ? json::value(nullptr) : json::value(entry.unhealthy);
    out.push_back(std::move(row));
  }
  done(json::value(std::move(out)));
}

void clients(const Shared& s, const json::object& args, const Done& done) {
  auto agent = text_arg(args, "agent");
  if (agent.has_error()) return done(agent.error());
  std::size_t limit = kDefaultClients;
  if (const json::value* value = args.if_contains("limit"); value != nullptr && !value->is_null()) {
    boost::system::error_code ec;
    limit = value->to_number<std::size_t>(ec);
    if (ec || limit == 0 || limit > kMostClients) {
      return done(base::error("\"limit\" must be a number from 1 to " + std::to_string(kMostClients)));
    }
  }
  s->clients(std::move(*agent), limit, [done](base::Result<Sources::ClientPage> page) {
    if (page.has_error()) return done(page.error());
    done(json::value{{"total", page->total}, {"clients", std::move(page->clients)}});
  });
}

void settings_get(const Shared& s, const json::object& args, const Done& done) {
  const auto prefix = text_arg(args, "prefix");
  if (prefix.has_error()) return done(prefix.error());
  json::array out;
  for (const auto& row : s->settings.rows()) {
    const std::string all = row.service + "/" + row.name;
    const std::string one = row.service + "/" + row.instance + "/" + row.name;
    if (!all.starts_with(*prefix) && !one.starts_with(*prefix)) continue;
    out.push_back({{"path", row.from_instance_key ? one : all},
                   {"instance", row.instance},
                   {"value", row.value},
                   {"default", row.default_value},
                   {"restart", row.restart},
                   {"running", row.running ? json::value(*row.running) : json::value(nullptr)},
                   {"secret", row.secret},
                   {"refused", row.why.empty() ? json::value(nullptr) : json::value(row.refused)},
                   {"why", row.why.empty() ? json::value(nullptr) : json::value(row.why)},
                   {"help", row.help}});
  }
  if (out.empty() && !prefix->empty()) {
    return done(base::error("this host has no setting that begins with \"" + *prefix +
                            "\"; `cellmesh ctl settings get` lists all"));
  }
  done(json::value(std::move(out)));
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// Describes the result of a write: `agent/port is "9000" after restart of agent#0@dev: ...`.
std::string written_sentence(const std::string& path, const discovery::Settings::Written& written) {
  const std::string is = path + " is \"" + written.value + "\"";
  if (!written.restart) return is + " now";
  const bool of_all = std::count(path.begin(), path.end(), '/') == 1;
  const std::string others = of_all ? ", and of each " + path.substr(0, path.find('/')) + " on other hosts" : "";
  if (written.services.empty()) return is + " after restart of the services that it is for: it is read at start only";
  if (written.differ.empty()) {
    return is + ", as " + joined(written.services) + " runs already; after restart" +
           (of_all ? " of each on other hosts" : "") + ": it is read at start only";
  }
  return is + " after restart of " + joined(written.services) + others +
         ": it is read at start only; restart the host, or unload and load the plugin";
}

void settings_set(const Shared& s, const json::object& args, const Done& done) {
  const auto path = needed_arg(args, "path", "agent/heartbeat_sec");
  if (path.has_error()) return done(path.error());
  const json::value* value = args.if_contains("value");
  if (value == nullptr) return done(base::error("\"value\" is missing; give the setting's new value"));
  const json::value* force = args.if_contains("force");
  // A number or a truth value is as good as its text.
  const std::string text = value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
  s->settings.set(*path, text, force != nullptr && force->is_bool() && force->get_bool(),
                  [done, path = *path](const base::Result<discovery::Settings::Written>& written) {
                    if (written.has_error()) return done(written.error());
                    done(json::value(written_sentence(path, *written)));
                  });
}

void routes_show(const Shared& s, const json::object& args, const Done& done) {
  const auto service = text_arg(args, "service");
  if (service.has_error()) return done(service.error());
  json::array out;
  for (const auto& [name, routes] : s->routes.all()) {
    if (!service->empty() && name != *service) continue;
    json::array rules;
    for (const auto& rule : routes.rules) {
      rules.push_back({{"id", rule.id},
                       {"message", rule.message},
                       {"mode", rule.mode == routing::RouteMode::auth ? "auth" : "pass"}});
    }
    out.push_back({{"service", name}, {"version", routes.version}, {"rules", std::move(rules)}});
  }
  if (out.empty() && !service->empty()) {
    return done(base::error("there are no routes to \"" + *service + "\"; `cellmesh ctl routes show` lists all"));
  }
  done(json::value(std::move(out)));
}

// The first rule that is another service's already.
base::Status check_collisions(const routing::Routes& routes, const routing::ServiceRoutes& pushed) {
  for (const auto& [service, other] : routes.all()) {
    if (service == pushed.service) continue;
    for (const auto& theirs : other.rules) {
      for (const auto& ours : pushed.rules) {
        if (ours.id != theirs.id) continue;
        return base::error("id " + std::to_string(ours.id) + " of " + ours.message + " is that of " + theirs.message +
                           " of service \"" + service +
                           "\" already; give one of them another id, or take it out of these routes");
      }
    }
  }
  return {};
}

base::Result<routing::ServiceRoutes> routes_to_push(const Sources& s, const std::string& service, json::object args) {
  args.erase("service");
  if (!args.empty()) return routing::ServiceRoutes::parse(service, json::serialize(args));
  auto routes = s.plugin_routes(service);
  if (routes) return std::move(*routes);
  return base::error("no plugin that is loaded here provides \"" + service +
                     "\"; push a file, or ask a host that runs it (`cellmesh ctl plugins` lists them)");
}

void routes_push(const Shared& s, const json::object& args, const Done& done) {
  const auto service = needed_arg(args, "service", "game");
  if (service.has_error()) return done(service.error());
  if (routing::ServiceName::parse(*service + "#0@any").has_error()) {
    return done(base::error("\"" + *service + "\" is no kind of service; write a name such as game"));
  }
  const auto routes = routes_to_push(*s, *service, args);
  if (routes.has_error()) return done(routes.error());
  if (auto checked = check_collisions(s->routes, *routes); checked.has_error()) return done(checked.error());
  s->push_routes(*routes, say(done, std::to_string(routes->rules.size()) + " routes to " + *service + " are pushed"));
}

void kick(const Shared& s, const json::object& args, const Done& done) {
  const auto name = needed_arg(args, "client", "agent#0@dev/17 (`cellmesh ctl clients` lists them)");
  if (name.has_error()) return done(name.error());
  const auto text = text_arg(args, "text");
  if (text.has_error()) return done(text.error());
  if (text->size() > kLongestKickText)
    return done(base::error("the text is longer than " + std::to_string(kLongestKickText) + " bytes; shorten it"));
  const auto client = parse_client(*name, s->registry);
  if (client.has_error()) return done(client.error());
  routing::Envelope envelope;
  envelope.kind = routing::Kind::close_client;
  envelope.status = CM_CLOSE_KICKED;
  envelope.to = client->agent;
  envelope.client = *client;
  envelope.body = std::as_bytes(std::span(*text));
  switch (routing::Registry::deliver(*s->registry.snapshot(), envelope)) {
    case routing::Delivery::sent:
      return done(json::value(*name + " is told to go"));
    case routing::Delivery::full:
      return done(base::error("the way to the agent of " + *name + " is full just now; try again"));
    default:
      return done(
          base::error("the agent of " + *name + " is not up; `cellmesh ctl clients` lists the clients there are"));
  }
}

using NameCommand = std::function<void(std::string, discovery::Discovery::Done)>;

void with_plugin(const NameCommand& command, const json::object& args, std::string_view what, const Done& done) {
  auto name = needed_arg(args, "name", "chat (`cellmesh ctl plugins` lists them)");
  if (name.has_error()) return done(name.error());
  command(*name, say(done, *name + " is " + std::string(what)));
}

void reload(const Shared& s, const json::object& args, const Done& done) {
  const auto name = needed_arg(args, "name", "chat (`cellmesh ctl plugins` lists them)");
  if (name.has_error()) return done(name.error());
  const auto file = text_arg(args, "file");
  if (file.has_error()) return done(file.error());
  s->reload(*name, *file, [done](json::object report) { done(json::value(std::move(report))); });
}

void rollback(const Shared& s, const json::object& args, const Done& done) {
  const auto name = needed_arg(args, "name", "chat (`cellmesh ctl plugins` lists them)");
  if (name.has_error()) return done(name.error());
  s->rollback(*name, [done](json::object report) { done(json::value(std::move(report))); });
}

void log_levels(const json::object& args, const Done& done) {
  const auto levels = text_arg(args, "levels");
  if (levels.has_error()) return done(levels.error());
  if (auto set = base::set_log_levels(*levels); set.has_error()) return done(set.error());
  json::object out;
  for (std::size_t i = 0; i < base::kRoomNames.size(); ++i) {
    const auto level = spdlog::level::to_string_view(base::log(static_cast<base::Room>(i)).level());
    out[base::kRoomNames[i]] = std::string_view(level.data(), level.size());
  }
  done(json::value(std::move(out)));
}

}  // namespace

base::Result<routing::ClientId> parse_client(std::string_view text, const routing::Registry& registry) {
  const auto slash = text.rfind('/');
  const std::string_view agent = slash == std::string_view::npos ? std::string_view() : text.substr(0, slash);
  const std::string_view number = slash == std::string_view::npos ? text : text.substr(slash + 1);
  routing::ClientId client;
  const auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), client.session);
  if (ec != std::errc() || end != number.data() + number.size() || (slash != std::string_view::npos && agent.empty())) {
    return base::error("\"" + std::string(text.substr(0, 200)) +
                       "\" is no client; write agent#0@dev/17 as `cellmesh ctl clients` lists them");
  }
  const auto snapshot = registry.snapshot();
  std::size_t gateways = 0;
  for (const auto& entry : snapshot->entries) {
    const bool meant =
        agent.empty() ? entry.gateway && entry.host.empty() : registry.names().service_id(entry.ref) == agent;
    if (!meant) continue;
    ++gateways;
    client.agent = entry.ref;
    if (entry.clients == nullptr)
      return base::error(std::string(agent) + " has no clients; name an agent, such as agent#0@dev/17");
  }
  if (gateways == 1) return client;
  if (agent.empty()) {
    return base::error("this host has " + std::to_string(gateways) +
                       " agents; name the client's, such as agent#0@dev/" + std::string(number));
  }
  return base::error(std::string(agent) + " is not up; `cellmesh ctl services` lists what is");
}

Handlers make_commands(Sources sources) {
  const auto s = std::make_shared<const Sources>(std::move(sources));
  const auto bound = [&s](void (*fn)(const Shared&, const json::object&, const Done&)) {
    return [s, fn](const json::object& args, const Done& done) { fn(s, args, done); };
  };
  return {
      {"status", bound(status)},
      {"services", bound(services)},
      {"links", [s](const json::object&, const Done& done) { done(json::value(s->links())); }},
      {"plugins", [s](const json::object&, const Done& done) { done(json::value(s->plugins())); }},
      {"clients", bound(clients)},
      {"settings.get", bound(settings_get)},
      {"settings.set", bound(settings_set)},
      {"routes.show", bound(routes_show)},
      {"routes.push", bound(routes_push)},
      {"kick", bound(kick)},
      {"load", [s](const json::object& args, const Done& done) { with_plugin(s->load, args, "loaded", done); }},
      {"unload", [s](const json::object& args, const Done& done) { with_plugin(s->unload, args, "unloaded", done); }},
      {"reload", bound(reload)},
      {"rollback", bound(rollback)},
      {"log", [](const json::object& args, const Done& done) { log_levels(args, done); }},
  };
}

}  // namespace cm::admin
