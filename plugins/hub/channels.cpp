#include "channels.hpp"

#include <algorithm>
#include <utility>

namespace hub {

using cellmesh::ServiceId;

bool Channels::subscribe(const std::string& name, ServiceId service, std::size_t max_channels) {
  if (find(name, service) != nullptr) return true;
  const auto of_it = of_service_.find(service);
  if (of_it != of_service_.end() && of_it->second.size() >= max_of_service) return false;
  if (find(name) == nullptr && channels_.size() >= max_channels) return false;
  of_service_[service].insert(name);
  channels_[name].subscribers.push_back({service});
  return true;
}

void Channels::restore(const std::string& name, Channel channel) {
  if (channel.subscribers.empty()) return;
  for (const Subscriber& subscriber : channel.subscribers) of_service_[subscriber.service].insert(name);
  channels_[name] = std::move(channel);
}

bool Channels::unsubscribe(const std::string& name, ServiceId service) {
  if (find(name, service) == nullptr) return false;
  leave(name, service);
  const auto of_it = of_service_.find(service);
  of_it->second.erase(name);
  if (of_it->second.empty()) of_service_.erase(of_it);
  return true;
}

void Channels::remove(ServiceId service) {
  const auto of_it = of_service_.find(service);
  if (of_it == of_service_.end()) return;
  for (const auto& name : of_it->second) leave(name, service);
  of_service_.erase(of_it);
}

void Channels::leave(const std::string& name, ServiceId service) {
  const auto channel = channels_.find(name);
  std::erase_if(channel->second.subscribers, [&](const Subscriber& s) { return s.service == service; });
  if (channel->second.subscribers.empty()) channels_.erase(channel);
}

Channel* Channels::find(const std::string& name) {
  const auto channel = channels_.find(name);
  return channel != channels_.end() ? &channel->second : nullptr;
}

Subscriber* Channels::find(const std::string& name, ServiceId service) {
  Channel* channel = find(name);
  if (channel == nullptr) return nullptr;
  const auto found = std::find_if(channel->subscribers.begin(), channel->subscribers.end(),
                                  [&](const Subscriber& s) { return s.service == service; });
  return found != channel->subscribers.end() ? &*found : nullptr;
}

}  // namespace hub
