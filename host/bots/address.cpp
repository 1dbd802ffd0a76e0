#include "bots/address.hpp"

namespace cm::bots {

base::Result<Address> Address::parse(std::string_view text) {
  Address out;
  std::string_view rest = text;
  if (const auto end = text.find("://"); end != std::string_view::npos) {
    out.scheme = text.substr(0, end);
    rest = text.substr(end + 3);
  }
  if (out.scheme != "tcp") {
    return base::error("robots do not speak \"" + out.scheme.substr(0, 20) +
                       "\"; give an address as tcp://127.0.0.1:8001");
  }
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    out.path = rest.substr(slash);
    rest = rest.substr(0, slash);
  }
  const auto to = base::HostPort::parse(rest);
  if (!to) return to.error();
  out.to = *to;
  return out;
}

std::string Address::text() const { return scheme + "://" + to.text() + path; }

}  // namespace cm::bots
