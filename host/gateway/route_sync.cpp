#include "gateway/route_sync.hpp"

#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "base/log.hpp"

namespace cm::gateway {
namespace {

constexpr std::string_view kPrefix = "cellmesh/routes/";
constexpr int kTries = 20;  // while others change the same key

std::string key_of(const std::string& service) { return std::string(kPrefix) + service; }

auto logger() { return base::log(base::Room::gateway); }

std::array<unsigned, 3> numbers(std::string_view version) {
  std::array<unsigned, 3> out{};
  for (auto& number : out) {
    const auto [end, ec] = std::from_chars(version.data(), version.data() + version.size(), number);
    if (ec != std::errc{}) break;
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
    if (!version.starts_with('.')) break;
    version.remove_prefix(1);
  }
  return out;
}

}  // namespace

bool newer_version(std::string_view a, std::string_view b) { return numbers(a) > numbers(b); }

RouteSync::RouteSync(discovery::Discovery& discovery, routing::Routes& routes, std::function<void()> on_changed)
    : discovery_(discovery), routes_(routes), on_changed_(std::move(on_changed)) {}

RouteSync::~RouteSync() { discovery_.unwatch_kv(std::string(kPrefix)); }

void RouteSync::start() {
  discovery_.watch_kv(std::string(kPrefix), [this](const auto& values, bool lost) { on_change(values, lost); });
}

void RouteSync::on_change(const discovery::Discovery::KvMap& values, bool lost) {
  const auto old = routes_.all();
  std::vector<routing::ServiceRoutes> next;
  std::vector<routing::ServiceRoutes> outdated;  // in the KV; these are newer
  for (const auto& [key, entry] : values) {
    const std::string service = key.substr(kPrefix.size());
    if (service.empty()) continue;
    const bool was_lost = lost_.erase(service) != 0 || lost;
    auto parsed = routing::ServiceRoutes::parse(service, entry.value);
    if (parsed) {
      auto newer = newer_than(*parsed, old, was_lost);
      if (newer) outdated.push_back(*newer);
      next.push_back(newer ? std::move(*newer) : std::move(*parsed));
      continue;
    }
    logger().warn("{}; {} key={}", parsed.error().text, old.contains(service) ? "the old ones stay" : "it has none",
                  base::log_value(key));
    if (const auto it = old.find(service); it != old.end()) next.push_back(it->second);
  }
  // What was lost stays until the KV has it again, however many reports come before.
  for (const auto& [service, routes] : old) {
    if (values.contains(key_of(service)) || !(lost || lost_.contains(service))) continue;
    lost_.insert(service);
    next.push_back(routes);
    write_back(routes);
  }
  for (auto& routes : missing_in(values)) {
    if (!lost_.contains(routes.service)) next.push_back(std::move(routes));
  }
  std::vector<std::string> refused;
  routes_.set_all(next, refused);
  for (const auto& text : refused) logger().warn("{}", text);
  if (routes_.all() != old) changed();
  for (const auto& routes : missing_in(values)) try_publish(routes, std::nullopt, kTries);
  for (const auto& routes : outdated) try_publish(routes, std::nullopt, kTries);
}

std::optional<routing::ServiceRoutes> RouteSync::newer_than(
    const routing::ServiceRoutes& in_kv, const std::map<std::string, routing::ServiceRoutes>& in_force, bool lost) {
  std::optional<routing::ServiceRoutes> newest;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = published_.find(in_kv.service); it != published_.end()) newest = it->second;
  }
  if (newest && !newer_version(newest->version, in_kv.version)) {
    say_if_different(in_kv, *newest);
    newest.reset();
  }
  const auto known = lost ? in_force.find(in_kv.service) : in_force.end();
  if (known != in_force.end() && newer_version(known->second.version, newest ? newest->version : in_kv.version)) {
    newest = known->second;
  }
  return newest;
}

// Once for each value.
void RouteSync::say_if_different(const routing::ServiceRoutes& in_kv, const routing::ServiceRoutes& of_plugin) {
  if (routing::ServiceRoutes{in_kv.service, in_kv.version, of_plugin.rules} == in_kv) return;
  const std::string value = in_kv.to_json();
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(said_[in_kv.service], value) == value) return;
  }
  logger().warn(
      "the KV's routes of {} (version {}) differ from those of the plugin here ({}) and stay; a newer version of the "
      "plugin or `cellmesh ctl routes push {}` replaces them",
      in_kv.service, in_kv.version, of_plugin.version, in_kv.service);
}

void RouteSync::write_back(const routing::ServiceRoutes& routes) {
  discovery_.put_if(key_of(routes.service), routes.to_json(), 0,
                    [service = routes.service](const base::Status& status) {
                      if (status) logger().info("the KV had lost the routes of {}; written back", service);
                    });
}

void RouteSync::changed() {
  const auto now = routes_.all();
  std::size_t rules = 0;
  for (const auto& [service, routes] : now) rules += routes.rules.size();
  logger().info("routes changed services={} rules={}", now.size(), rules);
  on_changed_();
}

std::vector<routing::ServiceRoutes> RouteSync::missing_in(const discovery::Discovery::KvMap& values) {
  std::vector<routing::ServiceRoutes> missing;
  const std::lock_guard lock(mutex_);
  for (const auto& [service, routes] : published_) {
    if (!values.contains(key_of(service))) missing.push_back(routes);
  }
  return missing;
}

void RouteSync::retract(const std::string& service) {
  const std::lock_guard lock(mutex_);
  published_.erase(service);
}

void RouteSync::publish(const routing::ServiceRoutes& routes) {
  {
    const std::lock_guard lock(mutex_);
    published_[routes.service] = routes;
  }
  // The service is up: who comes now is not to wait for the KV.
  if (!routes_.all().contains(routes.service)) {
    if (const auto set = routes_.set(routes); set) {
      changed();
    } else {
      logger().warn("{}", set.error().text);
    }
  }
  try_publish(routes, std::nullopt, kTries);
}

void RouteSync::replace(const routing::ServiceRoutes& before, const routing::ServiceRoutes& now) {
  {
    const std::lock_guard lock(mutex_);
    if (now.rules.empty()) {
      published_.erase(now.service);
    } else {
      published_[now.service] = now;
    }
  }
  if (before == now) return;
  const auto all = routes_.all();
  const auto here = all.find(now.service);
  if (here == all.end() || here->second == before) {  // the new code serves: who comes now is not to wait for the KV
    if (const auto set = routes_.set(now); set) {
      changed();
    } else {
      logger().warn("{}", set.error().text);
    }
  }
  try_publish(now, before, kTries);
}

void RouteSync::try_publish(const routing::ServiceRoutes& routes, const std::optional<routing::ServiceRoutes>& before,
                            int tries) {
  discovery_.get(key_of(routes.service), [this, routes, before, tries](const auto& got) {
    if (!got) {
      logger().warn("cannot publish the routes of {}: {}", routes.service, got.error().text);
      return;
    }
    std::uint64_t version = 0;
    if (const auto& there = *got; there) {
      const auto old = routing::ServiceRoutes::parse(routes.service, there->value);
      if (!old) {
        logger().warn("{}; not replaced by those of the plugin, `cellmesh ctl routes push {}` does it",
                      old.error().text, routes.service);
        return;
      }
      const bool ours = before && *old == *before;
      if (!ours && !newer_version(routes.version, old->version)) return say_if_different(*old, routes);
      version = there->version;
    }
    discovery_.put_if(
        key_of(routes.service), routes.to_json(), version, [this, routes, before, tries](const base::Status& status) {
          if (status) {
            logger().info("routes published service={} version={} rules={}", routes.service, routes.version,
                          routes.rules.size());
          } else if (tries > 1 && status.error().text.find(discovery::kChangedMeanwhile) != std::string::npos) {
            try_publish(routes, before, tries - 1);
          } else {
            logger().warn("cannot publish the routes of {}: {}", routes.service, status.error().text);
          }
        });
  });
}

void RouteSync::push(const routing::ServiceRoutes& routes, discovery::Discovery::Done done) {
  routing::ServiceRoutes pushed = routes;
  const auto raise_to = [&](const std::map<std::string, routing::ServiceRoutes>& known) {
    const auto it = known.find(routes.service);
    if (it != known.end() && newer_version(it->second.version, pushed.version)) pushed.version = it->second.version;
  };
  raise_to(routes_.all());
  {
    const std::lock_guard lock(mutex_);
    raise_to(published_);
  }
  if (pushed.version != routes.version) {
    logger().info("routes pushed as of the version known service={} version={}", routes.service, pushed.version);
  }
  discovery_.put(key_of(routes.service), pushed.to_json(), std::move(done));
}

}  // namespace cm::gateway
