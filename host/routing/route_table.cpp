#include "routing/route_table.hpp"

#include <algorithm>
#include <utility>

#include <boost/json.hpp>

#include "base/operator_text.hpp"

namespace cm::routing {
namespace {

namespace json = boost::json;

base::Error refuse(std::string_view service, const std::string& why) {
  return base::error("the routes of " + std::string(service) + " are refused: " + why);
}

}  // namespace

bool operator==(const ServiceRoutes& a, const ServiceRoutes& b) {
  return a.service == b.service && a.version == b.version &&
         std::equal(a.rules.begin(), a.rules.end(), b.rules.begin(), b.rules.end(),
                    [](const RouteRule& x, const RouteRule& y) {
                      return x.id == y.id && x.message == y.message && x.mode == y.mode;
                    });
}

base::Result<ServiceRoutes> ServiceRoutes::parse(std::string_view service, std::string_view text) {
  static constexpr std::size_t kMaxBytes = 512U << 10U;
  if (text.size() > kMaxBytes) return refuse(service, "the value has more than 512 KiB");
  boost::system::error_code ec;
  const auto clean = base::clean_text(text, base::TextForm::lines);
  if (!clean) return refuse(service, clean.error().text);
  const json::value root = json::parse(json::string_view(clean->data(), clean->size()), ec);
  if (ec)
    return refuse(service, "the value is no JSON (" + ec.message() + "); `cellmesh ctl routes push` writes a good one");
  const auto* object = root.if_object();
  const auto* rules = object != nullptr && object->contains("rules") ? object->at("rules").if_array() : nullptr;
  if (rules == nullptr) return refuse(service, "\"rules\" must be an array of {\"id\", \"message\", \"mode\"}");
  ServiceRoutes routes;
  routes.service = service;
  if (const auto* version = object->if_contains("version")) {
    if (!version->is_string()) return refuse(service, "\"version\" must be a string");
    routes.version = version->as_string().c_str();
  }
  std::vector<bool> seen(65536);
  for (std::size_t i = 0; i < rules->size(); ++i) {
    const std::string place = "rule " + std::to_string(i + 1);
    const auto* rule = (*rules)[i].if_object();
    const auto* id = rule != nullptr ? rule->if_contains("id") : nullptr;
    const auto* mode = rule != nullptr ? rule->if_contains("mode") : nullptr;
    const auto* message = rule != nullptr ? rule->if_contains("message") : nullptr;
    if (id == nullptr || !id->is_int64() || id->as_int64() < 1 || id->as_int64() > 65535) {
      return refuse(service, place + ": \"id\" must be a number from 1 to 65535");
    }
    RouteRule out;
    out.id = static_cast<std::uint16_t>(id->as_int64());
    if (message != nullptr && !message->is_string()) return refuse(service, place + ": \"message\" must be a string");
    out.message = message != nullptr ? message->as_string().c_str() : "";
    const std::string_view word =
        mode != nullptr && mode->is_string() ? std::string_view(mode->as_string()) : std::string_view();
    if (word != "pass" && word != "auth") return refuse(service, place + ": \"mode\" must be \"pass\" or \"auth\"");
    out.mode = word == "auth" ? RouteMode::auth : RouteMode::pass;
    if (seen[out.id]) return refuse(service, place + ": id " + std::to_string(out.id) + " stands there twice");
    seen[out.id] = true;
    routes.rules.push_back(std::move(out));
  }
  return routes;
}

std::string ServiceRoutes::to_json() const {
  json::array array;
  for (const auto& rule : rules) {
    array.push_back(json::object{
        {"id", rule.id}, {"message", rule.message}, {"mode", rule.mode == RouteMode::auth ? "auth" : "pass"}});
  }
  return json::serialize(json::object{{"version", version}, {"rules", std::move(array)}});
}

Routes::Routes(Names& names) : names_(names), table_(std::make_shared<const RouteTable>()) {}

Routes::TablePtr Routes::table() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

base::Status Routes::set(const ServiceRoutes& routes) {
  const std::lock_guard lock(mutex_);
  auto next = routes_;
  next[routes.service] = routes;
  return rebuild(std::move(next));
}

void Routes::set_all(const std::vector<ServiceRoutes>& all, std::vector<std::string>& refused) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, ServiceRoutes> next;
  std::map<std::uint16_t, const RouteRule*> taken;
  for (const auto& routes : all) {
    const auto clash = std::find_if(routes.rules.begin(), routes.rules.end(),
                                    [&](const RouteRule& r) { return taken.contains(r.id); });
    if (clash != routes.rules.end()) {
      refused.push_back(refuse(routes.service, "id " + std::to_string(clash->id) + " of " + clash->message +
                                                   " is taken by " + taken[clash->id]->message +
                                                   "; give one of the two another with option (cellmesh.id)")
                            .text);
      continue;
    }
    for (const auto& rule : routes.rules) taken.emplace(rule.id, &rule);
    next[routes.service] = routes;
  }
  if (next == routes_) return;
  if (auto status = rebuild(std::move(next)); !status) refused.push_back(status.error().text);
}

void Routes::remove(std::string_view service) {
  const std::lock_guard lock(mutex_);
  auto next = routes_;
  if (next.erase(std::string(service)) != 0) (void)rebuild(std::move(next));  // a subset of a good table is good
}

std::map<std::string, ServiceRoutes> Routes::all() const {
  const std::lock_guard lock(mutex_);
  return routes_;
}

base::Status Routes::rebuild(std::map<std::string, ServiceRoutes> next) {
  auto table = std::make_shared<RouteTable>();
  std::map<std::uint16_t, std::pair<const ServiceRoutes*, const RouteRule*>> taken;
  for (const auto& [service, routes] : next) {
    const KindRef kind = names_.kind(service);
    if (kind == KindRef::none) return refuse(service, "there are too many kinds of service");
    table->kinds.push_back(kind);
    for (const auto& rule : routes.rules) {
      const auto [it, fresh] = taken.try_emplace(rule.id, &routes, &rule);
      if (!fresh) {
        return refuse(service, "id " + std::to_string(rule.id) + " of " + rule.message + " is taken by " +
                                   it->second.second->message + " of " + it->second.first->service +
                                   "; give one of the two another with option (cellmesh.id)");
      }
      table->rules_[rule.id] = {kind, rule.mode};
    }
  }
  table->version = table_->version + 1;
  routes_ = std::move(next);
  version_.store(table->version, std::memory_order_release);
  table_ = TablePtr(std::move(table));
  return {};
}

}  // namespace cm::routing
