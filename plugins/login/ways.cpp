#include "ways.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <arpa/inet.h>

namespace login {
namespace {

using cellmesh::Transport;

enum class Family { name, v4, v6 };

Family family_of(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return Family::v4;
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return Family::name;
  return IN6_IS_ADDR_V4MAPPED(&v6) ? Family::v4 : Family::v6;
}

constexpr std::array<std::pair<std::string_view, Transport>, 4> schemes{
    {{"tcp", Transport::tcp}, {"tls", Transport::tls}, {"ws", Transport::ws}, {"wss", Transport::wss}}};

}  // namespace

std::optional<Way> parse_way(std::string_view url) {
  const auto end = url.find("://");
  if (end == std::string_view::npos) return std::nullopt;
  const auto* scheme =
      std::find_if(schemes.begin(), schemes.end(), [&](const auto& s) { return s.first == url.substr(0, end); });
  if (scheme == schemes.end()) return std::nullopt;
  const bool websocket = scheme->second == Transport::ws || scheme->second == Transport::wss;
  std::string_view authority = url.substr(end + 3);
  if (websocket) authority = authority.substr(0, authority.find('/'));
  auto address = parse_address(authority);
  if (!address && websocket) {
    address = parse_address(std::string(authority) + (scheme->second == Transport::ws ? ":80" : ":443"));
  }
  if (!address) return std::nullopt;
  return Way{scheme->second, std::string(url), std::move(*address)};
}

std::vector<Way> ways_for(const std::vector<std::string>& urls, std::string_view client_address) {
  const Family client = family_of(std::string(client_address));
  const auto suits = [&](const Way& way) {
    const Family family = family_of(way.address.host);
    return client == Family::name || family == Family::name || family == client;
  };
  std::vector<Way> all;
  for (const auto& url : urls) {
    if (auto way = parse_way(url)) all.push_back(std::move(*way));
  }
  std::vector<Way> told;
  for (const Way& way : all) {
    const bool has_better = std::any_of(
        all.begin(), all.end(), [&](const Way& other) { return other.transport == way.transport && suits(other); });
    if (suits(way) || !has_better) told.push_back(way);
  }
  return told;
}

const Way* way_by(const std::vector<Way>& ways, Transport transport) {
  for (const Transport wanted : {transport, Transport::tcp}) {
    const auto found = std::find_if(ways.begin(), ways.end(), [&](const Way& w) { return w.transport == wanted; });
    if (found != ways.end()) return &*found;
  }
  return ways.empty() ? nullptr : &ways.front();
}

}  // namespace login
