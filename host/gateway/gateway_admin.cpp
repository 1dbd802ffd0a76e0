// The part of Gateway that `cellmesh ctl` sees.
#include <algorithm>
#include <optional>
#include <utility>

#include <boost/json.hpp>

#include "admin/commands.hpp"
#include "gateway/gateway.hpp"

namespace cm::gateway {
namespace {

namespace json = boost::json;

json::array strings(const std::vector<std::string>& values) { return json::array(values.begin(), values.end()); }

json::object describe(const mesh::LinkInfo& link) {
  json::object o{{"host", link.host},
                 {"address", link.address},
                 {"state", link.state},
                 {"services", strings(link.services)},
                 {"dialed", link.dialed},
                 {"messages_in", link.messages_in},
                 {"messages_out", link.messages_out},
                 {"bytes_in", link.bytes_in},
                 {"bytes_out", link.bytes_out},
                 {"queued", link.queued},
                 {"unacked", link.unacked},
                 {"parked", link.parked},
                 {"lost", link.lost},
                 {"reconnects", link.reconnects},
                 {"boot", link.boot},
                 {"worker", link.worker}};
  if (link.rtt_ms) o["rtt_ms"] = *link.rtt_ms;
  if (!link.last_error.empty()) o["last_error"] = link.last_error;
  return o;
}

json::object describe(const plugin::PluginInfo& info) {
  json::array generations;
  for (const auto& g : info.generations) {
    generations.push_back(json::object{{"generation", g.number},
                                       {"version", g.version},
                                       {"build_id", g.build_id},
                                       {"state", g.state},
                                       {"held_by", g.held_by},
                                       {"age_ms", g.age_ms},
                                       {"faults", g.faults}});
  }
  json::array services;
  std::uint64_t handled = 0;
  std::uint64_t faults = 0;
  for (const auto& service : info.services) {
    json::object metrics;
    for (const auto& [name, value] : service.metrics) metrics[name] = value;
    json::object o{
        {"service", service.id},    {"generation", service.generation},       {"handled", service.handled},
        {"faults", service.faults}, {"bad_messages", service.bad_messages},   {"refused", service.refused},
        {"strays", service.strays}, {"mailbox_bytes", service.mailbox_bytes}, {"metrics", std::move(metrics)}};
    if (!service.last_fault.empty()) o["last_fault"] = service.last_fault;
    services.push_back(std::move(o));
    handled += service.handled;
    faults += service.faults;
  }
  return {{"name", info.manifest.name},
          {"version", info.manifest.version},
          {"state", info.services.empty() && info.generations.front().state == "pinned" ? "unloaded" : "loaded"},
          {"generation", info.generations.front().number},
          {"generations", std::move(generations)},
          {"provides", strings(info.manifest.provides)},
          {"handled", handled},
          {"faults", faults},
          {"abi", std::to_string(info.manifest.abi_major) + "." + std::to_string(info.manifest.abi_minor)},
          {"sdk", info.manifest.sdk_version},
          {"build_id", info.manifest.build_id},
          {"file", info.file.string()},
          {"services", std::move(services)}};
}

json::object describe(const std::string& name, const PluginSet::Refusal& refusal) {
  json::object o{{"name", name}, {"state", "refused"}, {"why", refusal.why}, {"attempts", refusal.attempts}};
  o["next_try"] = refusal.next_try ? fmt::format("in {} s", (refusal.next_try->count() + 999) / 1000)
                  : refusal.wanted ? "when its file changes"
                                   : "none: it is not wanted";
  return o;
}

json::object describe(const plugin::ReloadReport& report) {
  json::array steps;
  for (const auto& step : report.steps) {
    steps.push_back(json::object{{"step", step.name}, {"us", step.took.count()}, {"note", step.note}});
  }
  json::object o{{"ok", report.status.has_value()},     {"plugin", report.plugin},  {"from", report.from},
                 {"from_version", report.from_version}, {"to", report.to},          {"to_version", report.to_version},
                 {"pause_us", report.pause.count()},    {"steps", std::move(steps)}};
  if (!report.status) o["why"] = report.status.error().text;
  return o;
}

}  // namespace

json::object Gateway::status() const {
  const auto stats = sessions_->stats();
  json::array cpu;
  for (const auto& worker : workers_) cpu.push_back(worker->cpu_seconds());
  std::uint64_t closed = 0;
  for (const auto n : stats.closed) closed += n;
  const std::string reason = readiness_.reason();
  return {{"host", bootstrap_.name},
          {"mesh", bootstrap_.mesh},
          {"version", CELLMESH_VERSION},
          {"pid", getpid()},
          {"boot", boot_},
          {"ready", reason.empty()},
          {"not_ready", reason.empty() ? json::value(nullptr) : json::value(reason)},
          {"uptime_sec", uptime().count() / 1000},
          {"link_address", self_.link_address},
          {"io_worker_cpu_sec", std::move(cpu)},
          {"clients_accepted", stats.accepted},
          {"clients_closed", closed},
          {"clients_refused", stats.closed[static_cast<std::size_t>(session::CloseReason::full)] + stats.turned_away},
          {"origins_refused", stats.origins_refused},
          {"client_messages_in", stats.messages_in},
          {"client_messages_out", stats.messages_out},
          {"client_bytes_in", stats.bytes_in},
          {"client_bytes_out", stats.bytes_out},
          {"blocked", stats.blocked},
          {"not_admitted", stats.not_admitted},
          {"no_service", stats.no_service},
          {"paused", stats.paused},
          {"dropped", stats.dropped},
          {"left_out_for_old_clients", stats.too_new}};
}

admin::Handlers Gateway::commands() {
  admin::Sources sources{.registry = registry_,
                         .routes = routes_,
                         .settings = *settings_,
                         .discovery = *discovery_,
                         .status = [this] { return status(); },
                         .links = {},
                         .plugins = {},
                         .clients = {},
                         .push_routes = {},
                         .plugin_routes = {},
                         .load = {},
                         .unload = {},
                         .reload = {},
                         .rollback = {}};
  sources.links = [this] {
    json::array all;
    if (mesh_) {
      for (const auto& link : mesh_->links()) all.push_back(describe(link));
    }
    return all;
  };
  sources.plugins = [this] {
    json::array all;
    for (const auto& info : plugins_->list()) all.push_back(describe(info));
    for (const auto& info : plugins_->pinned()) all.push_back(describe(info));
    for (const auto& [name, refusal] : plugin_set_->refused()) all.push_back(describe(name, refusal));
    return all;
  };
  sources.clients = [this](const std::string& agent, std::size_t limit, const auto& done) {
    auto owner = routing::ServiceRef::none;
    admin::Sources::ClientPage page;
    const auto services = registry_.snapshot();
    for (const auto& entry : services->entries) {
      const auto id = names_.service_id(entry.ref);
      if (!entry.host.empty() || !entry.clients || (!agent.empty() && id != agent)) continue;
      if (!agent.empty()) owner = entry.ref;
      page.total += sessions_->counts(entry.ref).clients;
    }
    if (!agent.empty() && owner == routing::ServiceRef::none) {
      done(base::error(agent + " has no frontend on this host; `cellmesh ctl services` shows who has"));
      return;
    }
    for (const auto& row : sessions_->list(owner, limit)) {
      page.clients.push_back(
          json::object{{"client", std::string(names_.service_id(row.id.agent)) + "/" + std::to_string(row.id.session)},
                       {"transport", row.transport},
                       {"address", row.address},
                       {"admitted", row.admitted},
                       {"bindings", strings(row.bindings)},
                       {"queued_bytes", row.queued_bytes},
                       {"age_ms", row.age_ms}});
    }
    done(std::move(page));
  };
  sources.push_routes = [this](const routing::ServiceRoutes& routes, discovery::Discovery::Done done) {
    route_sync_->push(routes, std::move(done));
  };
  sources.plugin_routes = [this](const std::string& service) -> std::optional<routing::ServiceRoutes> {
    for (const auto& info : plugins_->list()) {
      const auto& kinds = info.manifest.provides;
      if (std::find(kinds.begin(), kinds.end(), service) != kinds.end()) return info.manifest.routes_of(service);
    }
    return std::nullopt;
  };
  sources.load = [this](const std::string& name, discovery::Discovery::Done done) {
    change_list(name, true, std::move(done));
  };
  sources.unload = [this](const std::string& name, discovery::Discovery::Done done) {
    change_list(name, false, std::move(done));
  };
  sources.reload = [this](const std::string& name, const std::string& file, const admin::Sources::Reloaded& done) {
    tasks_->run([this, name, file, done] { done(describe(reload_plugin(name, file))); });
  };
  sources.rollback = [this](const std::string& name, const admin::Sources::Reloaded& done) {
    tasks_->run([this, name, done] { done(describe(rollback_plugin(name, 0))); });
  };
  return admin::make_commands(std::move(sources));
}

}  // namespace cm::gateway
