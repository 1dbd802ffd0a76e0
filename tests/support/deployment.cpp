#include "support/deployment.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "echo.pb.h"
#include "support/certificate.hpp"

namespace cm::test {
namespace {

constexpr std::array<const char*, 7> kKinds{"agent", "login", "game", "hub", "data", "echo", "social"};
constexpr const char* kAll = "all";
constexpr std::array<std::pair<const char*, const char*>, 3> kNoLimits{
    {{"social/chat_per_sec", "0"}, {"social/requests_per_sec", "0"}, {"social/max_text", "65000"}}};

// `agent/max_body` -> `agent`
std::string service_of(const std::string& setting) { return setting.substr(0, setting.find('/')); }

// The setting's value as its service's host has it.
std::string value_of(Host& host, const std::string& setting) {
  const auto rows = host.query({"settings", "get", setting});
  for (const auto& row : rows.as_array()) return std::string(row.at("value").as_string());
  throw std::runtime_error("no setting " + setting);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, Shape shape) {
  return out << (shape == Shape::embedded ? "embedded" : "consul");
}

Deployment::Deployment(Shape shape, Options options) : shape_(shape), options_(std::move(options)) {
  if (shape_ == Shape::embedded) {
    std::vector<std::string> arguments{"--dev", "--login-port", "0"};
    std::string set;
    for (const auto& [setting, value] : preset()) set += setting + "=" + value + ";";
    if (!set.empty()) arguments.insert(arguments.end(), {"--set", set});
    launch(kAll, std::move(arguments));
  } else {
    consul_ = std::make_unique<ConsulServer>(ConsulServer::Options{.acl = options_.acl});
    for (const auto& [setting, value] : preset()) consul_->kv_put("cellmesh/config/" + setting, value);
    if (!options_.limits) {
      for (const auto& [setting, value] : kNoLimits) consul_->kv_put(std::string("cellmesh/config/") + setting, value);
    }
    for (const std::string kind : kKinds) add_host(kind, {"--plugins", kind});
  }
  for (auto& [name, host] : hosts_) host->await_ready();
  if (!options_.limits && shape_ == Shape::embedded) {
    // By --set it could not start: a plugin folder of a test's own may have no social service.
    for (const auto& [setting, value] : kNoLimits) (void)host("social").ctl({"settings", "set", setting, value});
  }
  if (options_.await) await_serving();
}

std::map<std::string, std::string> Deployment::preset() {
  std::map<std::string, std::string> settings = options_.settings;
  settings.emplace("login/allow_guests", "true");
  settings.emplace("login/signing_key_file", "ephemeral");
  if (!options_.tokens) settings.emplace("agent/require_token", "false");
  if (options_.transports.empty()) return settings;
  const auto made = make_certificate(folder_.path());
  for (const std::string kind : {"agent/", "login/"}) {
    settings[kind + "transports"] = options_.transports;
    settings[kind + "tls_certificate"] = made.certificate.string();
    settings[kind + "tls_private_key"] = made.private_key.string();
  }
  return settings;
}

// All at once.
Deployment::~Deployment() {
  for (auto& [name, host] : hosts_) host->begin_stop();
}

Host& Deployment::launch(const std::string& name, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  auto env = options_.env;
  const auto plugins = std::find(arguments.begin(), arguments.end(), "--plugins");
  if (options_.acl && plugins != arguments.end())
    env.try_emplace("CELLMESH_CONSUL_TOKEN", token_for({"--plugins", *(plugins + 1)}));
  env.try_emplace("CELLMESH_DATABASE", "sqlite:" + (folder_ / "data.db").string());
  auto& host = hosts_[name];
  host = std::make_unique<Host>(Host::Options{.folder = folder_ / name,
                                              .arguments = std::move(arguments),
                                              .plugin_dir = options_.plugin_dir,
                                              .env = std::move(env)});
  return *host;
}

std::string Deployment::token_for(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {program().string(), "acl-policy"});
  const auto printed = run({.command = arguments, .env = {}, .folder = {}, .log = {}});
  if (!printed || printed->code != 0) throw std::runtime_error("acl-policy fails: " + (printed ? printed->output : ""));
  return consul_->make_token("policy-" + std::to_string(++policies_), printed->output).secret;
}

Host& Deployment::add_host(const std::string& name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--consul", consul_->url()});
  return launch(name, std::move(arguments));
}

Host& Deployment::host(const std::string& kind) {
  // "host" settings are of every host; any one shows and sets them.
  const auto it = shape_ != Shape::embedded && kind == "host" ? hosts_.begin()
                                                              : hosts_.find(shape_ == Shape::embedded ? kAll : kind);
  if (it == hosts_.end()) throw std::runtime_error("no host " + kind);
  return *it->second;
}

std::vector<Host*> Deployment::hosts() {
  std::vector<Host*> all;
  for (auto& [name, host] : hosts_) all.push_back(host.get());
  return all;
}

std::string Deployment::login_address() { return host("login").await_ready().address_of("login"); }

std::string Deployment::url(const std::string& kind, const std::string& transport) {
  auto url = host(kind).await_ready().url_of(kind, transport);
  if (url.empty()) throw std::runtime_error(kind + " has no listener for " + transport);
  return url;
}

void Deployment::await_serving() {
  std::string last;
  const bool serves = wait_until([&] {
    try {
      Client client = player();
      const std::string question = "is anybody there?";
      client.send(chat_req(question));
      client.send(proto::EchoREQ());
      for (bool chatted = false, echoed = false; !chatted || !echoed;) {
        const auto frame = client.read();
        if (!frame) throw std::runtime_error("closed");
        // A route or a service that is not known yet.
        if (frame->is<proto::NoticeACK>()) throw std::runtime_error(frame->as<proto::NoticeACK>().text());
        chatted = chatted || (frame->is<proto::ChatACK>() && frame->as<proto::ChatACK>().content() == question);
        echoed = echoed || frame->is<proto::EchoACK>();
      }
      return true;
    } catch (const std::exception& e) {
      last = e.what();
      return false;
    }
  });
  if (serves) return;
  for (auto& [name, host] : hosts_) std::cerr << "--- " << name << "\n" << tail(host->log()) << '\n';
  throw std::runtime_error("the mesh does not serve players: " + last);
}

void Deployment::set(const std::string& setting, const std::string& value) {
  (void)host(service_of(setting)).query({"settings", "set", setting, value});
}

ScopedSetting::ScopedSetting(Deployment& deployment, std::string setting, const std::string& value)
    : deployment_(deployment), setting_(std::move(setting)) {
  before_ = value_of(deployment_.host(service_of(setting_)), setting_);
  deployment_.set(setting_, value);
}

ScopedSetting::~ScopedSetting() {
  try {
    deployment_.set(setting_, before_);
    wait_until([this] { return value_of(deployment_.host(service_of(setting_)), setting_) == before_; });
  } catch (const std::exception& e) {
    std::cerr << "cannot put " << setting_ << " back: " << e.what() << '\n';
  }
}

}  // namespace cm::test
