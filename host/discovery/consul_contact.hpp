#pragma once

#include <functional>
#include <string>

#include "discovery/consul_api.hpp"
#include "discovery/pace.hpp"

namespace cm::discovery {

// Whether Consul can be reached, judged in one place for all that talk to it, and whether its KV still is the one that
// was known. A small key, `cellmesh/incarnation`, tells: a KV that comes back without it, or with another, was lost.
// Owned by ConsulDiscovery; logs what a person must know of Consul's absence. [the loop's thread]
class ConsulContact {
 public:
  struct Verdict {
    bool lost = false;          // its KV is not the one that was known before
    bool after_outage = false;  // it could not be reached meanwhile
  };
  struct Handlers {
    std::function<void(Verdict)> on_contact;  // Consul is there; what was asked before has to be asked anew
    std::function<void()> on_outage;          // it is not
    std::function<void()> on_token;           // the token is another one now
  };

  ConsulContact(Loop& loop, ConsulApi& api, const ConsulConfig& config, Handlers handlers);

  void start();
  // A request of somebody's got no answer: look. Ends in on_contact or on_outage.
  void doubt(const std::string& error);

  [[nodiscard]] bool up() const { return up_; }
  // Somebody got no answer, and the verdict is not there yet.
  [[nodiscard]] bool doubted() const { return doubted_; }
  [[nodiscard]] const std::string& error() const { return error_; }  // empty when up
  // The token is what Consul does not take.
  [[nodiscard]] bool forbidden() const { return !up_ && forbidden_; }
  // The token may have changed: looks at its file.
  void look_at_token();

 private:
  void probe();
  void on_incarnation(const ConsulAnswer& answer);
  void propose();
  void failed(const ConsulAnswer& answer);
  void failed(std::string error, bool forbidden = false, bool unreachable = false);
  void reached(const std::string& incarnation);
  void complain();

  Loop& loop_;
  ConsulApi& api_;
  const ConsulConfig& config_;
  const Handlers handlers_;
  bool up_ = false;
  bool was_up_ = false;
  bool doubted_ = false;  // since the last good probe
  bool probing_ = false;
  bool complaining_ = false;
  bool forbidden_ = false;
  bool unreachable_ = false;  // nothing answers there
  std::string token_error_;   // as told
  int proposals_ = 0;
  int limited_ = 0;  // probes in a row that Consul had no connection for
  std::string error_;
  std::string incarnation_;
  Loop::Clock::time_point down_since_{};
  Backoff backoff_;
  Pace pace_;
  Timer next_probe_;
  Timer next_complaint_;
};

}  // namespace cm::discovery
