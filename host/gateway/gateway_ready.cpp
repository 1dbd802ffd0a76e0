// The part of Gateway that knows whether the host is ready, and says so.
#include <filesystem>
#include <set>

#include <spdlog/fmt/ranges.h>

#include "base/log.hpp"
#include "gateway/gateway.hpp"
#include "gateway/ready_file.hpp"

namespace cm::gateway {
namespace {

auto logger() { return base::log(base::Room::gateway); }

}  // namespace

void Gateway::begin_readiness() {
  remove_ready_file();  // a host that was killed leaves one
  readiness_.block("discovery",
                   bootstrap_.dev ? "the host starts" : "Consul at " + bootstrap_.consul_url + " has not answered yet");
  if (!bootstrap_.dev) readiness_.block("consul", "what Consul lets this host do is not known yet");
  readiness_.block("plugins", "the plugins of this host are not known yet");
  if (bootstrap_.require_ready == 0) return;
  require_ready_.expires_after(std::chrono::seconds(bootstrap_.require_ready));
  require_ready_.async_wait([this](const boost::system::error_code& ec) {
    if (ec || was_ready_) return;
    fail(fmt::format("not ready within {} s, which --require-ready demands: {}", bootstrap_.require_ready,
                     readiness_.reason()));
  });
}

void Gateway::on_readiness() {
  if (!readiness_.ready()) {
    if (ready_) {
      remove_ready_file();
      say_not_ready();
    }
    ready_ = false;
    return;
  }
  if (!bootstrap_.ready_file.empty()) {
    if (auto written = write_ready_file(bootstrap_.ready_file, bootstrap_.name, registry_, *sessions_); !written) {
      if (!was_ready_) return fail(written.error().text);
      logger().error("{}", written.error().text);
    }
  }
  if (std::exchange(ready_, true)) return;
  require_ready_.cancel();
  said_not_ready_.clear();
  if (std::exchange(was_ready_, true)) {
    logger().info("ready again");
    return;
  }
  const auto services = registry_.snapshot();
  for (const auto& entry : services->entries) {
    if (!entry.host.empty()) continue;
    for (const auto& listener : sessions_->listeners(entry.ref)) {
      logger().info("{} takes clients at {}", names_.service_id(entry.ref), fmt::join(listener.urls, " "));
    }
  }
  logger().info("ready after {} ms plugins={}", uptime().count(), fmt::join(plugins_->loaded(), ","));
}

// Once for each reason.
void Gateway::say_not_ready() {
  if (!bootstrap_.dev && !discovery_known_) {
    if (const auto state = discovery_->state(); !state.last_error.empty()) {
      readiness_.block("discovery", "Consul at " + state.address + " cannot be reached: " + state.last_error);
    }
  }
  const std::string reason = readiness_.reason();
  if (reason.empty() || reason == said_not_ready_) return;
  said_not_ready_ = reason;
  logger().warn("not ready: {}", reason);
}

void Gateway::check_own_services() {
  if (!peers_) return;
  const auto listed = peers_->own_listed();
  std::string missing;
  std::string unhealthy;
  for (const auto& [id, reason] : registrar_->services()) {
    if (!listed.contains(id)) missing += (missing.empty() ? "" : ", ") + id;
    if (!reason.empty()) unhealthy += (unhealthy.empty() ? "" : "; ") + id + " is unhealthy: " + reason;
  }
  if (!missing.empty()) {
    missing += bootstrap_.dev ? " is not registered yet" : " is not listed in Consul's catalog yet";
  }
  readiness_.set("registration", missing);
  readiness_.set("services", unhealthy);
}

void Gateway::remove_ready_file() const {
  if (bootstrap_.ready_file.empty()) return;
  std::error_code ec;
  std::filesystem::remove(bootstrap_.ready_file, ec);
  if (ec) logger().warn("cannot remove the ready file {}: {}", bootstrap_.ready_file, ec.message());
}

}  // namespace cm::gateway
