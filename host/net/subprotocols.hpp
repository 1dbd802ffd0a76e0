#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace cm::net {

// Subprotocols of WebSocket (RFC 6455, 1.9) that a listener speaks.
class Subprotocols {
 public:
  Subprotocols() = default;
  // Parses `binary, chat.v1`; empty: none. Fails if a name is not a token of HTTP.
  static base::Result<Subprotocols> parse(std::string_view list);

  // Returns the first name of `offered`, the value of a Sec-WebSocket-Protocol field, that is listed; empty: none is.
  // The view is of the list. Names are case-sensitive. What is malformed in the offer matches nothing.
  [[nodiscard]] std::string_view select(std::string_view offered) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace cm::net
