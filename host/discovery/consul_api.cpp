#include "discovery/consul_api.hpp"

#include "base/log.hpp"
#include "discovery/consul_codec.hpp"

namespace cm::discovery {
namespace {

using namespace std::chrono_literals;

ConsulAnswer judge(const std::string& what, base::Result<HttpAnswer> got) {
  ConsulAnswer out;
  if (!got) {
    out.error = "no answer to " + what + ": " + got.error().text;
    return out;
  }
  out.status = got->status;
  out.index = consul::parse_index(got->header("x-consul-index"));
  out.body = std::move(got->body);
  if (got->too_long) out.error = "the answer to " + what + " is too long: there is too much under that key or kind";
  if (out.status == 200 || out.status == 404) return out;
  std::string said = out.body.substr(0, 300);
  while (!said.empty() && (said.back() == '\n' || said.back() == '.')) said.pop_back();
  out.error = "Consul answered " + std::to_string(out.status) + " to " + what;
  if (!said.empty()) out.error += ": " + base::log_value(said);
  if (out.status == 403) {
    out.error += "; the token needs write access to the keys under cellmesh/ and to services, and read access to nodes";
  } else if (out.status == 429) {
    out.error += "; raise limits.http_max_conns_per_client in Consul's configuration";
  } else if (out.status >= 300 && out.status < 400) {
    out.error += "; the address is not that of Consul's HTTP API";
  }
  return out;
}

}  // namespace

HttpClientConfig ConsulApi::http_config(const ConsulConfig& config) {
  HttpClientConfig out;
  out.ca_file = config.ca_file;
  out.max_answer = config.max_answer;
  if (!config.token.empty()) out.headers.emplace_back("X-Consul-Token", config.token);
  return out;
}

ConsulApi::Id ConsulApi::call(const std::string& method, const std::string& path, std::string body, Done done) {
  return call(method, path, std::move(body), config_.request_timeout, std::move(done));
}

ConsulApi::Id ConsulApi::call(const std::string& method, const std::string& path, std::string body,
                              std::chrono::milliseconds timeout, Done done) {
  HttpRequest request;
  request.method = method;
  request.url = path;
  request.body = std::move(body);
  request.timeout = timeout;
  return send(std::move(request), std::move(done));
}

ConsulApi::Id ConsulApi::watch(const std::string& path, std::uint64_t index, Done done) {
  HttpRequest request;
  request.url = path;
  request.timeout = config_.request_timeout;
  if (index != 0) {
    const char joint = path.find('?') == std::string::npos ? '?' : '&';
    request.url += joint + ("index=" + std::to_string(index)) + "&wait=" + std::to_string(config_.wait.count()) + "ms";
    request.timeout += config_.wait + config_.wait / 8;  // Consul adds up to a sixteenth
    request.long_poll = true;
  }
  return send(std::move(request), std::move(done));
}

ConsulApi::Id ConsulApi::send(HttpRequest request, Done done) {
  std::string what = request.method + " " + request.url.substr(0, request.url.find('?'));
  request.url.insert(0, config_.url);
  return loop_.http().send(std::move(request), [what = std::move(what), done = std::move(done)](auto got) {
    done(judge(what, std::move(got)));
  });
}

}  // namespace cm::discovery
