// Extensions: those of the plugin, and hosts that have fewer or more than it knows.
#include <cellmesh/abi/audit.h>
#include <cellmesh/abi/channel.h>
#include <cellmesh/abi/client_address.h>
#include <cellmesh/abi/client_origin.h>
#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/directory.h>
#include <cellmesh/abi/gateway.h>
#include <cellmesh/abi/health.h>
#include <cellmesh/abi/kv.h>
#include <cellmesh/abi/log.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/metrics.h>
#include <cellmesh/abi/offload.h>
#include <cellmesh/abi/settings.h>
#include <cellmesh/abi/state.h>
#include <cellmesh/abi/timer.h>

#include <array>

#include "check/barrages.hpp"
#include "check/newer_host.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

constexpr std::array kOfPlugins{CM_EXT_MESSAGE, CM_EXT_TIMER,   CM_EXT_SETTINGS,      CM_EXT_DIRECTORY,
                                CM_EXT_CLIENTS, CM_EXT_GATEWAY, CM_EXT_CHANNEL,       CM_EXT_OFFLOAD,
                                CM_EXT_STATE,   CM_EXT_KV,      CM_EXT_CLIENT_ADDRESS};

void unknown_ids(Subject& subject) {
  const std::string longest(10'000, 'x');
  for_each_running(subject, {}, [&](Service& service) {
    for (const std::string& id : {std::string("cellmesh.nothing/1"), std::string("cellmesh.timer/2"),
                                  std::string("cellmesh.timer"), std::string(), longest}) {
      if (service.extension(id.c_str()) == nullptr) continue;
      throw Failed(std::string(service.kind()) + ": get_extension gives something for \"" + id.substr(0, 40) + "\"");
    }
  });
}

template <class Extension, class... Hooks>
void whole(Service& service, const char* id, Hooks... hooks) {
  const auto* found = static_cast<const Extension*>(service.extension(id));
  if (found == nullptr) return;
  std::string why;
  if (found->struct_size < sizeof(Extension)) {
    why = "is shorter than version 1.0 of it";
  } else if (((found->*hooks == nullptr) || ...)) {
    why = "lacks a function that it must have";
  } else {
    return;
  }
  throw Failed(std::string(service.kind()) + ": its " + id + " " + why);
}

void complete(Subject& subject) {
  for_each_running(subject, {}, [](Service& service) {
    whole<cm_plugin_message>(service, CM_EXT_MESSAGE, &cm_plugin_message::on_reply);
    whole<cm_plugin_timer>(service, CM_EXT_TIMER, &cm_plugin_timer::on_timer);
    whole<cm_plugin_settings>(service, CM_EXT_SETTINGS, &cm_plugin_settings::on_settings);
    whole<cm_plugin_directory>(service, CM_EXT_DIRECTORY, &cm_plugin_directory::on_service);
    whole<cm_plugin_clients>(service, CM_EXT_CLIENTS, &cm_plugin_clients::on_client_closed);
    whole<cm_plugin_gateway>(service, CM_EXT_GATEWAY);
    whole<cm_plugin_channel>(service, CM_EXT_CHANNEL, &cm_plugin_channel::on_channel);
    whole<cm_plugin_offload>(service, CM_EXT_OFFLOAD, &cm_plugin_offload::on_job);
    whole<cm_plugin_kv>(service, CM_EXT_KV, &cm_plugin_kv::on_entry);
    whole<cm_plugin_client_address>(service, CM_EXT_CLIENT_ADDRESS, &cm_plugin_client_address::on_client_address);
    whole<cm_plugin_client_origin>(service, CM_EXT_CLIENT_ORIGIN, &cm_plugin_client_origin::on_client_origin);
    whole<cm_plugin_state>(service, CM_EXT_STATE, &cm_plugin_state::save, &cm_plugin_state::load);
    const auto* state = static_cast<const cm_plugin_state*>(service.extension(CM_EXT_STATE));
    if (state == nullptr) return;
    const int tables = (state->follow != nullptr ? 1 : 0) + (state->rows != nullptr ? 1 : 0) +
                       (state->reserve != nullptr ? 1 : 0) + (state->load_row != nullptr ? 1 : 0);
    if (tables == 0 || tables == 4) return;
    throw Failed(std::string(service.kind()) + ": its " CM_EXT_STATE " has " + std::to_string(tables) +
                 " of the four functions of tables");
  });
}

void same_answer(Subject& subject) {
  for_each_running(subject, {}, [](Service& service) {
    std::array<const void*, kOfPlugins.size()> first{};
    for (std::size_t i = 0; i < first.size(); ++i) first[i] = service.extension(kOfPlugins[i]);
    valid_messages(service);
    for (std::size_t i = 0; i < first.size(); ++i) {
      if (service.extension(kOfPlugins[i]) == first[i]) continue;
      throw Failed(std::string(service.kind()) + ": get_extension gives another " + kOfPlugins[i] +
                   " when it is asked again");
    }
  });
}

// It may refuse to be made or started, if only it does so by its return value.
void live(Service& service) {
  if (!service.create()) return;
  if (service.start() == CM_OK) {
    everything(service);
    service.stop();
  }
  service.destroy();
}

void without(Subject& subject, std::set<std::string> missing) {
  for (const auto* kind : subject.kinds()) {
    Service service(subject, *kind, {.missing = missing, .judge = Judge::nothing});
    live(service);
  }
}

template <const char* const& id>
void host_without(Subject& subject) {
  without(subject, {id});
}

constexpr const char* kLog = CM_EXT_LOG;
constexpr const char* kMessage = CM_EXT_MESSAGE;
constexpr const char* kTimer = CM_EXT_TIMER;
constexpr const char* kSettings = CM_EXT_SETTINGS;
constexpr const char* kMetrics = CM_EXT_METRICS;
constexpr const char* kDirectory = CM_EXT_DIRECTORY;
constexpr const char* kClients = CM_EXT_CLIENTS;
constexpr const char* kGateway = CM_EXT_GATEWAY;
constexpr const char* kChannel = CM_EXT_CHANNEL;
constexpr const char* kOffload = CM_EXT_OFFLOAD;
constexpr const char* kKv = CM_EXT_KV;
constexpr const char* kAudit = CM_EXT_AUDIT;
constexpr const char* kHealth = CM_EXT_HEALTH;

void host_without_any(Subject& subject) {
  without(subject, {kLog, kMessage, kTimer, kSettings, kMetrics, kDirectory, kClients, kGateway, kChannel, kOffload,
                    kKv, kAudit, kHealth});
}

void newer_host(Subject& subject) {
  for (const auto* kind : subject.kinds()) {
    const NewerHost newer(*kind);
    Service service(subject, newer.kind());
    service.run();
    valid_messages(service);
    let_it_work(service);
    service.stop();
    service.destroy();
  }
}

}  // namespace

std::vector<Test> extension_tests() {
  static constexpr std::string_view kCure =
      "look whether get_extension returned NULL: do without it, or return NULL from create";
  static constexpr std::string_view kProtects =
      "It does without, or refuses cleanly, where a host lacks this extension.";
  const std::vector<std::string_view> started{"life.destroy_without_stop"};
  const std::vector<std::string_view> worked{"timer.time_goes_by",    "message.each_valid",     "message.each_empty",
                                             "message.each_random",   "message.each_truncated", "message.unknown_id",
                                             "client.unknown_closed", "client.closed_twice",    "service.unknown_goes"};
  return {
      {"ext.unknown_ids", "A later host may ask for extensions that are not invented yet.",
       "compare the whole id, and return NULL for every other", started, unknown_ids},
      {"ext.complete",
       "A host calls no function that is not there.",
       "fill in struct_size with sizeof, and every function that the header does not allow to be NULL",
       {"ext.unknown_ids"},
       complete},
      {"ext.same_answer",
       "A host asks once and keeps the answer.",
       "return a pointer to static data",
       {"message.each_valid"},
       same_answer},
      {"ext.host_without_log", kProtects, kCure, worked, host_without<kLog>},
      {"ext.host_without_message", kProtects, kCure, worked, host_without<kMessage>},
      {"ext.host_without_timer", kProtects, kCure, worked, host_without<kTimer>},
      {"ext.host_without_settings", kProtects, kCure, worked, host_without<kSettings>},
      {"ext.host_without_metrics", kProtects, kCure, worked, host_without<kMetrics>},
      {"ext.host_without_directory", kProtects, kCure, worked, host_without<kDirectory>},
      {"ext.host_without_clients", kProtects, kCure, worked, host_without<kClients>},
      {"ext.host_without_gateway", kProtects, kCure, worked, host_without<kGateway>},
      {"ext.host_without_channel", kProtects, kCure, worked, host_without<kChannel>},
      {"ext.host_without_offload", kProtects, kCure, worked, host_without<kOffload>},
      {"ext.host_without_kv", kProtects, kCure, worked, host_without<kKv>},
      {"ext.host_without_audit", kProtects, kCure, worked, host_without<kAudit>},
      {"ext.host_without_health", kProtects, kCure, worked, host_without<kHealth>},
      {"ext.host_without_any",
       "It refuses cleanly, or lives, where a host has no extension at all.",
       kCure,
       {"ext.host_without_log", "ext.host_without_message", "ext.host_without_timer", "ext.host_without_settings",
        "ext.host_without_metrics", "ext.host_without_directory", "ext.host_without_clients",
        "ext.host_without_gateway", "ext.host_without_channel", "ext.host_without_offload", "ext.host_without_kv",
        "ext.host_without_audit", "ext.host_without_health"},
       host_without_any},
      {"abi.newer_host", "What is built today loads in the hosts of years to come, whose structs are longer.",
       "ask that struct_size is at least, not exactly, what it was built with", worked, newer_host},
  };
}

}  // namespace cm::check
