#include "bots/agent_address.hpp"

namespace cm::bots {

base::Result<net::Address> agent_address(const proto::LoginACK& ack, const std::string& scheme) {
  std::string named;
  for (const auto& url : ack.urls()) {
    if (url.starts_with(scheme + "://")) return net::Address::parse(url);
    named += (named.empty() ? "" : ", ") + url;
  }
  const auto& server = ack.server();
  if (ack.urls().empty() && scheme == "tcp" && !server.ip().empty() && server.port() > 0 && server.port() <= 65'535) {
    return net::Address::parse(base::HostPort{server.ip(), static_cast<std::uint16_t>(server.port())}.text());
  }
  return base::error("the login names no agent that is reached by " + scheme + ", but " +
                     (named.empty() ? "none at all" : named) + "; have agent/transports hold " + scheme +
                     ", or log in by another way");
}

}  // namespace cm::bots
