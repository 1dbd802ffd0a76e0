#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmesh/abi/types.h"
#include "plugin/clock.hpp"
#include "routing/registry.hpp"

namespace proto {
class ChannelMessageACK;
}

namespace cm::plugin {

// The channels of one service. Its subscriptions are data: they are made again by themselves when a hub comes up or the
// set of hubs changes. With several hubs a channel lives on the one that its name hashes to highest. Owned by a
// service, used on its thread.
class HubClient {
 public:
  static constexpr std::string_view kHubKind = "hub";
  static constexpr std::string_view kStatusChannel = "status";
  static constexpr std::size_t kMaxSubscriptions = 10'000;

  struct Subscription {
    std::string handler;
    std::string cookie;
    bool of_plugin = false;                              // else only the host's own
    routing::ServiceRef at = routing::ServiceRef::none;  // the hub that knows of it
  };
  using Send = std::function<routing::Delivery(const routing::Envelope&)>;

  HubClient(routing::Names& names, routing::ServiceRef self, Send send);

  cm_status publish(std::string_view channel, std::uint16_t id, std::string_view body);
  cm_status subscribe(std::string_view channel, std::string_view handler, std::string_view cookie);
  cm_status unsubscribe(std::string_view channel);
  // A subscription of the host itself, beside the plugin's.
  void subscribe_host(std::string_view channel);

  // Looks at the hubs that are up, and subscribes where that is still to be done.
  void refresh(const routing::Registry::Snapshot& snapshot, std::int64_t now);
  void service_down(routing::ServiceRef ref);
  // When refresh() is wanted again at the latest.
  [[nodiscard]] std::int64_t next_deadline() const { return retry_at_; }

  // Whether it is the hub client's own: not for the plugin.
  [[nodiscard]] bool is_mine(const routing::Envelope& envelope) const;
  struct Received {
    Subscription subscription;
    bool of_host = false;
  };
  // Reads a hub's message; nullopt when it is an answer, garbage, or of a channel that nobody is subscribed to.
  std::optional<Received> receive(const routing::Envelope& envelope, proto::ChannelMessageACK& message);

  // The handlers of the plugin's subscriptions; those that have none are left out.
  template <class Visit>
  void for_each_handler(Visit&& visit) const {
    for (const auto& [channel, entry] : entries_) {
      if (entry.of_plugin && !entry.handler.empty()) visit(entry.handler);
    }
  }

  // The hub of a channel; none when no hub is up.
  [[nodiscard]] routing::ServiceRef hub_of(std::string_view channel) const;
  [[nodiscard]] std::uint64_t strays() const { return strays_; }

 private:
  struct Entry : Subscription {
    bool of_host = false;
  };
  void place_all();
  bool place(const std::string& channel, Entry& entry);
  template <class Message>
  routing::Delivery tell(routing::ServiceRef hub, std::uint16_t id, const Message& message);

  routing::Names& names_;
  const routing::ServiceRef self_;
  const routing::KindRef hub_kind_;
  const Send send_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<routing::ServiceRef> hubs_;
  std::uint64_t seen_version_ = 0;
  bool place_wanted_ = false;
  std::int64_t retry_at_ = kNever;
  std::uint64_t strays_ = 0;
};

}  // namespace cm::plugin
