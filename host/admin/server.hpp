#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/result.hpp"

namespace cm::admin {

// Told once with what became of a command. [any thread, also during the handler's call]
using Done = std::function<void(base::Result<boost::json::value>)>;
// Carries a command out. Must not block for long: all connections wait for it. [admin thread]
using Handler = std::function<void(const boost::json::object& args, Done done)>;
using Handlers = std::map<std::string, Handler, std::less<>>;

struct ServerConfig {
  std::string path;
  std::size_t max_line = 1U << 20U;
  std::size_t max_connections = 16;
  std::chrono::milliseconds idle_timeout{60'000};     // until a whole request is there
  std::chrono::milliseconds command_timeout{30'000};  // until its answer is
  std::chrono::milliseconds write_timeout{10'000};    // until the client has read it
};

// The host's admin socket: a unix socket that only this user may open. One JSON request a line,
//   {"command":"services","args":{}}  ->  {"ok":true,"result":...} or {"ok":false,"error":"cause and cure"}
// Owned by the gateway; runs on a thread of its own, so that it answers also when the io workers are in trouble.
class Server {
 public:
  Server(ServerConfig config, Handlers handlers);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens. A socket that a dead host left behind at the path is replaced; a living one is refused. [main thread]
  base::Status start();
  // Closes all connections, removes the socket, joins. Handlers' `done` may still be called afterwards. [main thread]
  void stop();

  [[nodiscard]] const std::string& path() const { return config_.path; }

 private:
  class Core;

  const ServerConfig config_;
  const Handlers handlers_;
  std::shared_ptr<Core> core_;
  std::thread thread_;
};

}  // namespace cm::admin
