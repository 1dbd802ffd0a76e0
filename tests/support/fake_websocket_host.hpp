#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/websocket.hpp"

namespace cm::test {

// A host of WebSocket handshakes that remembers what it was told.
struct FakeWebSocketHost final : net::WebSocketHost {
  [[nodiscard]] std::string unhealthy() const override { return wrong; }
  void origin_refused(std::string_view /*peer*/, std::string_view origin, std::string_view /*host*/) override {
    origins.emplace_back(origin);
  }
  void no_subprotocol(std::string_view /*peer*/, std::string_view offered) override { offers.emplace_back(offered); }

  std::string wrong;
  std::vector<std::string> origins;
  std::vector<std::string> offers;
};

}  // namespace cm::test
