#include "plugin/hub_client.hpp"

#include <algorithm>
#include <utility>

#include "base/utf8.hpp"
#include "hub.pb.h"
#include "plugin/text.hpp"
#include "routing/message_id.hpp"

namespace cm::plugin {
namespace {

using routing::Delivery;
using routing::ServiceRef;

constexpr std::uint16_t kSubscribe = routing::message_id("protoSubscribeChannelREQ");
constexpr std::uint16_t kSubscribed = routing::message_id("protoSubscribeChannelACK");
constexpr std::uint16_t kUnsubscribe = routing::message_id("protoUnsubscribeChannelREQ");
constexpr std::uint16_t kUnsubscribed = routing::message_id("protoUnsubscribeChannelACK");
constexpr std::uint16_t kPublish = routing::message_id("protoPublishREQ");
constexpr std::uint16_t kMessage = routing::message_id("protoChannelMessageACK");

constexpr std::size_t kMaxChannel = 200;
constexpr std::int64_t kRetryMs = 100;

// Must give the same on every host, so it goes over names and not over refs.
std::uint64_t weight(std::string_view channel, std::string_view hub) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  const auto mix = [&](std::string_view text) {
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    h = (h ^ 0xffU) * 0x100000001b3ULL;
  };
  mix(hub);
  mix(channel);
  h ^= h >> 33U;
  h *= 0xff51afd7ed558ccdULL;
  return h ^ (h >> 33U);
}

bool good_channel(std::string_view name) { return !name.empty() && name.size() <= kMaxChannel && base::is_utf8(name); }

}  // namespace

HubClient::HubClient(routing::Names& names, ServiceRef self, Send send)
    : names_(names), self_(self), hub_kind_(names.kind(kHubKind)), send_(std::move(send)) {}

template <class Message>
Delivery HubClient::tell(ServiceRef hub, std::uint16_t id, const Message& message) {
  const std::string body = message.SerializeAsString();
  routing::Envelope envelope;
  envelope.kind = routing::Kind::message;
  envelope.msg_id = id;
  envelope.to = hub;
  envelope.from = self_;
  envelope.body = std::as_bytes(std::span(body));
  return send_(envelope);
}

cm_status HubClient::publish(std::string_view channel, std::uint16_t id, std::string_view body) {
  if (!good_channel(channel)) return CM_INVALID;
  const ServiceRef hub = hub_of(channel);
  if (hub == ServiceRef::none) return CM_UNAVAILABLE;
  proto::PublishREQ request;
  request.set_channel(channel.data(), channel.size());
  request.set_msg_id(id);
  request.set_body(body.data(), body.size());
  switch (tell(hub, kPublish, request)) {
    case Delivery::sent:
      return CM_OK;
    case Delivery::full:
      return CM_BACKPRESSURE;
    case Delivery::too_large:
      return CM_TOO_LARGE;
    case Delivery::gone:
      break;
  }
  return CM_UNAVAILABLE;
}

cm_status HubClient::subscribe(std::string_view channel, std::string_view handler, std::string_view cookie) {
  if (!good_channel(channel)) return CM_INVALID;
  auto it = entries_.find(channel);
  if (it == entries_.end()) {
    if (entries_.size() >= kMaxSubscriptions) return CM_BACKPRESSURE;
    it = entries_.emplace(std::string(channel), Entry{}).first;
  }
  it->second.of_plugin = true;
  it->second.handler = handler;
  it->second.cookie = cookie;
  if (!place(it->first, it->second)) retry_at_ = now_ms() + kRetryMs;
  return CM_OK;
}

void HubClient::subscribe_host(std::string_view channel) {
  Entry& entry = entries_[std::string(channel)];
  entry.of_host = true;
  if (!place(std::string(channel), entry)) retry_at_ = now_ms() + kRetryMs;
}

cm_status HubClient::unsubscribe(std::string_view channel) {
  const auto it = entries_.find(channel);
  if (it == entries_.end() || !it->second.of_plugin) return CM_NOT_FOUND;
  if (it->second.of_host) {
    it->second.of_plugin = false;
    return CM_OK;
  }
  if (it->second.at != ServiceRef::none) {
    proto::UnsubscribeChannelREQ request;
    request.set_channel(it->first);
    (void)tell(it->second.at, kUnsubscribe, request);  // lost: said again at the next message of the channel
  }
  entries_.erase(it);
  return CM_OK;
}

void HubClient::refresh(const routing::Registry::Snapshot& snapshot, std::int64_t now) {
  if (snapshot.version != seen_version_) {
    seen_version_ = snapshot.version;
    std::vector<ServiceRef> staying;
    std::vector<ServiceRef> going;
    const auto kind = static_cast<std::size_t>(hub_kind_);
    if (kind < snapshot.by_kind.size()) {
      for (const auto i : snapshot.by_kind[kind]) {
        const auto& entry = snapshot.entries[i];
        const bool stays = !entry.draining && entry.unhealthy.empty();
        if (entry.mailbox) (stays ? staying : going).push_back(entry.ref);
      }
    }
    auto& hubs = staying.empty() ? going : staying;
    if (hubs != hubs_) {
      hubs_ = std::move(hubs);
      place_wanted_ = true;
    }
  }
  if (place_wanted_ || now >= retry_at_) place_all();
}

void HubClient::service_down(ServiceRef ref) {
  for (auto& [channel, entry] : entries_) {
    if (entry.at != ref) continue;
    entry.at = ServiceRef::none;
    place_wanted_ = true;
  }
}

void HubClient::place_all() {
  place_wanted_ = false;
  bool all = true;
  for (auto& [channel, entry] : entries_) all = place(channel, entry) && all;
  retry_at_ = all ? kNever : now_ms() + kRetryMs;
}

// False when it has to be tried again.
bool HubClient::place(const std::string& channel, Entry& entry) {
  const ServiceRef hub = hub_of(channel);
  if (hub == entry.at) return true;
  if (hub == ServiceRef::none) return true;  // it stays where it was, if that lives; a hub's coming asks again
  proto::SubscribeChannelREQ request;
  request.set_channel(channel);
  const Delivery delivery = tell(hub, kSubscribe, request);
  if (delivery != Delivery::sent) return false;
  if (entry.at != ServiceRef::none) {
    proto::UnsubscribeChannelREQ leave;
    leave.set_channel(channel);
    (void)tell(entry.at, kUnsubscribe, leave);
  }
  entry.at = hub;
  return true;
}

ServiceRef HubClient::hub_of(std::string_view channel) const {
  if (hubs_.size() == 1) return hubs_.front();
  ServiceRef best = ServiceRef::none;
  std::uint64_t most = 0;
  for (const ServiceRef hub : hubs_) {
    const std::uint64_t w = weight(channel, names_.service_id(hub));
    if (best == ServiceRef::none || w > most) {
      best = hub;
      most = w;
    }
  }
  return best;
}

bool HubClient::is_mine(const routing::Envelope& envelope) const {
  const auto id = envelope.msg_id;
  return (id == kMessage || id == kSubscribed || id == kUnsubscribed) && names_.kind_of(envelope.from) == hub_kind_;
}

std::optional<HubClient::Received> HubClient::receive(const routing::Envelope& envelope,
                                                      proto::ChannelMessageACK& message) {
  if (envelope.msg_id != kMessage) return std::nullopt;
  if (!message.ParseFromArray(envelope.body.data(), static_cast<int>(envelope.body.size())) ||
      message.msg_id() > 0xFFFFU) {
    ++strays_;
    return std::nullopt;
  }
  const auto it = entries_.find(message.channel());
  if (it == entries_.end()) {
    ++strays_;
    proto::UnsubscribeChannelREQ request;
    request.set_channel(message.channel());
    (void)tell(envelope.from, kUnsubscribe, request);
    return std::nullopt;
  }
  return Received{it->second, it->second.of_host};
}

}  // namespace cm::plugin
