#include "plugin/collisions.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "routing/message_id.hpp"

namespace cm::plugin {
namespace {

constexpr std::array<std::string_view, 10> kHostMessages{
    "NoticeACK",  "SubscribeChannelREQ", "SubscribeChannelACK", "UnsubscribeChannelREQ", "UnsubscribeChannelACK",
    "PublishREQ", "ChannelMessageACK",   "ListChannelsREQ",     "ListChannelsACK",       "SvcStatusACK"};

constexpr std::string_view kIdCure = "; give one of the two another with option (cellmesh.id)";

base::Error refuse(const std::string& label, const std::string& why) {
  return base::error(label + " is refused: " + why);
}

bool provides(const Manifest& m, const std::string& kind) {
  return std::find(m.provides.begin(), m.provides.end(), kind) != m.provides.end();
}

}  // namespace

base::Status check_pair(const Manifest& manifest, const Manifest& other, const std::string& label) {
  if (manifest.name == other.name) {
    return refuse(label, "the plugin " + other.name + " is loaded already, in version " + other.version +
                             "; unload it first (cellmesh ctl unload " + other.name + ")");
  }
  for (const auto& kind : manifest.provides) {
    if (provides(other, kind)) {
      return refuse(label, "it provides the kind \"" + kind + "\", which the loaded plugin " + other.name +
                               " provides already; unload that one first, or load this one on another host");
    }
  }
  for (const auto& message : manifest.messages) {
    const auto* same = other.message(message.id);
    if (same == nullptr) continue;
    if (same->name != message.name) {
      return refuse(label, "its message " + message.name + " has the id " + std::to_string(message.id) + ", as " +
                               same->name + " of the loaded plugin " + other.name + std::string(kIdCure));
    }
    // A route is published by who provides its service; two that publish one id would fight over it.
    const bool mine = message.mode != routing::RouteMode::blocked && provides(manifest, message.service);
    const bool theirs = same->mode != routing::RouteMode::blocked && provides(other, same->service);
    if (mine && theirs && message.service != same->service) {
      return refuse(label, "it routes " + message.name + " (id " + std::to_string(message.id) + ") to \"" +
                               message.service + "\" and the loaded plugin " + other.name + " routes it to \"" +
                               same->service + "\"; build both from the same .proto");
    }
  }
  return {};
}

base::Status check_successor(const Manifest& manifest, const Manifest& before, const std::string& label) {
  if (manifest.name != before.name) {
    return refuse(label, "it holds the plugin " + manifest.name + ", which cannot take the place of " + before.name);
  }
  const std::set<std::string_view> now(manifest.provides.begin(), manifest.provides.end());
  if (now == std::set<std::string_view>(before.provides.begin(), before.provides.end())) return {};
  return refuse(label, "it provides other kinds of service than the version that runs, which a reload cannot change; " +
                           ("unload and load it: cellmesh ctl unload " + before.name) + ", cellmesh ctl load " +
                           before.name);
}

base::Status check_host_messages(const Manifest& manifest, const std::string& label) {
  for (const auto name : kHostMessages) {
    const std::string of_host = "proto." + std::string(name);
    const auto* message = manifest.message(routing::message_id("proto" + std::string(name)));
    if (message == nullptr || message->name == of_host) continue;
    return refuse(label, "its message " + message->name + " has the id " + std::to_string(message->id) + ", as " +
                             of_host + " of cellmesh itself; give it another with option (cellmesh.id)");
  }
  return {};
}

}  // namespace cm::plugin
