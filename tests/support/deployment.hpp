#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "support/consul.hpp"
#include "support/host.hpp"
#include "support/player.hpp"
#include "support/temp_dir.hpp"

namespace cm::test {

// The two ways in which the same services can stand.
enum class Shape {
  embedded,  // all in one `cellmesh host --dev`
  consul,    // each in a host of its own, on real Consul
};
std::ostream& operator<<(std::ostream& out, Shape shape);

// A running mesh of agent, login, game, hub, data, echo and social that serves players, with a database of its own.
class Deployment {
 public:
  struct Options {
    std::filesystem::path plugin_dir = shipped_plugins();
    std::vector<std::string> arguments;  // of every host, besides its own
    std::map<std::string, std::string> env;
    bool acl = false;     // Consul denies by default; each host has a token of the policy that acl-policy prints for it
    bool await = true;    // that a player is served
    bool tokens = true;   // that agents ask for: without, a ticket may be used again and changed
    bool limits = false;  // of what players may say: those of the shipped settings, else none
    // Of agent and login: comma-separated; empty: as they are by default. TLS gets a certificate in folder().
    std::string transports = {};
    std::map<std::string, std::string> settings = {};  // `agent/max_body`, from the start on
  };
  explicit Deployment(Shape shape) : Deployment(shape, Options()) {}
  Deployment(Shape shape, Options options);
  ~Deployment();
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;

  [[nodiscard]] Shape shape() const { return shape_; }
  // The host that runs a kind of service.
  [[nodiscard]] Host& host(const std::string& kind);
  [[nodiscard]] std::vector<Host*> hosts();
  // One more host on the same Consul.
  Host& add_host(const std::string& name, std::vector<std::string> arguments);
  // A token of Consul's with the policy that `cellmesh acl-policy` prints with these arguments.
  [[nodiscard]] std::string token_for(std::vector<std::string> arguments);
  // Only of the consul shape.
  [[nodiscard]] ConsulServer& consul() { return *consul_; }

  [[nodiscard]] std::string login_address();
  // The URL of a kind's listener.
  [[nodiscard]] std::string url(const std::string& kind, const std::string& transport);
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] Ticket ticket() { return await_ticket(login_address()); }
  [[nodiscard]] Client player() { return enter(ticket()); }

  // Until a player chats, and is answered by echo.
  void await_serving();

  // Writes `agent/max_body`, say, to the KV.
  void set(const std::string& setting, const std::string& value);

 private:
  // Settings that must be there before the hosts are.
  [[nodiscard]] std::map<std::string, std::string> preset();
  Host& launch(const std::string& name, std::vector<std::string> arguments);

  const Shape shape_;
  const Options options_;
  TempDir folder_;
  std::unique_ptr<ConsulServer> consul_;
  int policies_ = 0;                                    // made so far
  std::map<std::string, std::unique_ptr<Host>> hosts_;  // by kind, or by the name of add_host()
};

// Changes a setting and puts its old value back at the end.
class ScopedSetting {
 public:
  ScopedSetting(Deployment& deployment, std::string setting, const std::string& value);
  ~ScopedSetting();
  ScopedSetting(const ScopedSetting&) = delete;
  ScopedSetting& operator=(const ScopedSetting&) = delete;

 private:
  Deployment& deployment_;
  const std::string setting_;
  std::string before_;
};

}  // namespace cm::test
