#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "discovery/blocking_query.hpp"
#include "discovery/consul_rights.hpp"

namespace cm::discovery {

// Compares what the token allows with what this host's role needs, asks again when a request is refused and now and
// then, and collects what keeps the host from seeing others or being seen into one line. Consul does not refuse to
// list what a token may not read, it leaves it out: so it is asked. Owned by ConsulDiscovery. [the loop's thread]
class ConsulAccess {
 public:
  // `on_change` is called when problem() is known for the first time, and when it changed.
  ConsulAccess(ConsulContext& context, std::function<void()> on_change);

  void set_role(AccessRole role);
  // Something was refused, or the token is another one.
  void recheck();
  void on_contact();
  // Consul cannot be used: because of the token, or for another reason, which is no problem of this kind.
  void on_outage(bool forbidden, const std::string& error);
  // Services that Consul took the registration of, but does not list.
  void set_unseen(std::set<std::string> ids);
  // A registration was refused, or is not any more (empty).
  void set_refused(const std::string& id, const std::string& error);

  // Calls done(true) if the token may read all of these keys, as far as Consul tells.
  void may_read(const std::vector<std::string>& keys, std::function<void(bool)> done);

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct Question {
    std::string resource;
    std::string segment;
    std::string access;
    std::string text;  // what is missing if it is denied
    bool needed = false;
  };
  struct Round;

  void check();
  void ask(const std::shared_ptr<Round>& round);
  void checked(const Round& round);
  void diagnose();
  void diagnose_nodes(bool any_node);
  [[nodiscard]] std::string remedy() const;
  void update();
  static std::vector<Question> questions_of(const std::vector<ConsulRight>& rights);

  ConsulContext& context_;
  const std::function<void()> on_change_;
  AccessRole role_;
  bool has_role_ = false;
  bool known_ = false;  // its rights were asked for once
  bool busy_ = false;
  bool again_ = false;
  std::string outage_;   // the token is refused altogether
  std::string missing_;  // rights, as text
  std::string unseen_why_;
  std::set<std::string> unseen_;
  std::map<std::string, std::string> refused_;  // by service
  std::string told_weak_;                       // rights that are missing and not needed, as they were told
  std::string problem_;
  Timer next_;
};

}  // namespace cm::discovery
