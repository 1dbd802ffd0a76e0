#include "cli/trust.hpp"

namespace cm::cli {

std::vector<Flag> trust_flags() {
  return {{"ca", "FILE", "Trust servers by the certificates in this PEM file, in place of the system's roots."},
          {"insecure", "", "Trust whoever answers, whatever its certificate."}};
}

base::Result<net::TlsTrust> tls_trust(const Arguments& arguments) {
  net::TlsTrust trust{.ca = arguments.get("ca"), .verify = !arguments.on("insecure")};
  if (trust.ca.empty()) return trust;
  if (!trust.verify) return base::error("give --ca or --insecure, not both");
  if (const auto opened = net::TlsClient::open(trust); !opened) return base::error("--ca: " + opened.error().text);
  return trust;
}

}  // namespace cm::cli
