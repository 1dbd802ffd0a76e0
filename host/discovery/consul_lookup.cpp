#include "discovery/consul_lookup.hpp"

#include <optional>

#include "base/log.hpp"
#include "discovery/consul_api.hpp"
#include "discovery/consul_codec.hpp"

namespace cm::discovery {

base::Result<std::vector<ServiceRecord>> consul_lookup(ConsulConfig config, const std::string& kind) {
  if (const base::Status usable = check_config(config); !usable) return usable.error();
  Loop loop(ConsulApi::http_config(config));
  ConsulApi api(loop, config);
  ConsulAnswer answer;
  if (const ConsulToken& token = api.token(); token.value().empty() && !token.error().empty())
    return base::error(token.error());
  api.call({.path = "/v1/health/service/" + consul::escape(kind) + "?passing=1&tag=cellmesh"}, [&](ConsulAnswer got) {
    answer = std::move(got);
    loop.quit();
  });
  loop.run([] {});
  if (answer.status == 0) {
    return base::error("Consul at " + config.url + " cannot be reached: " + answer.error +
                       "; is it running, and is this its address?");
  }
  if (!answer.ok()) {
    return base::error(
        "Consul at " + config.url + " cannot tell: " +
        (answer.absent() ? "it has no such endpoint; is this the address of its HTTP API?" : answer.error));
  }
  auto services = consul::parse_services(answer.body, kind, config.mesh);
  if (!services)
    return base::error("what answers at " + config.url + " is not Consul: " + services.error().text +
                       "; give the address of its HTTP API");
  for (const std::string& why : services->refused) base::log(base::Room::discovery).warn("{}", why);
  return std::move(services->records);
}

}  // namespace cm::discovery
