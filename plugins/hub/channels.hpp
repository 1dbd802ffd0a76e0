#pragma once

#include <cellmesh/client.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace hub {

struct Subscriber {
  cellmesh::ServiceId service;
  std::uint64_t lost = 0;  // messages that it was too slow for, and was not told of yet
};

struct Channel {
  std::vector<Subscriber> subscribers;
  std::uint64_t lost = 0;  // of all its subscribers, ever
};

// Who is subscribed to what. A channel exists while it has a subscriber. Owned by the hub, used on its thread.
class Channels {
 public:
  static constexpr std::size_t max_name = 200;           // bytes
  static constexpr std::size_t max_of_service = 10'000;  // channels that one service may be subscribed to

  [[nodiscard]] static bool good_name(std::string_view name) { return !name.empty() && name.size() <= max_name; }

  // False when that would be a channel too many, of all or of this service. To subscribe again changes nothing.
  bool subscribe(const std::string& name, cellmesh::ServiceId service, std::size_t max_channels);
  // False when it was not subscribed.
  bool unsubscribe(const std::string& name, cellmesh::ServiceId service);
  // Ends all subscriptions of a service.
  void remove(cellmesh::ServiceId service);

  // Takes over what another one knew.
  void restore(const std::string& name, Channel channel);

  // Null when nobody is subscribed.
  [[nodiscard]] Channel* find(const std::string& name);
  [[nodiscard]] Subscriber* find(const std::string& name, cellmesh::ServiceId service);
  [[nodiscard]] const std::map<std::string, Channel>& all() const { return channels_; }

 private:
  void leave(const std::string& name, cellmesh::ServiceId service);

  std::map<std::string, Channel> channels_;
  std::unordered_map<cellmesh::ServiceId, std::unordered_set<std::string>> of_service_;
};

}  // namespace hub
