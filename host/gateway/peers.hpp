#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "discovery/discovery.hpp"
#include "gateway/link_rule.hpp"
#include "gateway/registrar.hpp"

namespace cm::gateway {

// Watches the catalog for the kinds of service that this host needs and tells which of their hosts to link to.
// [any thread; callbacks on discovery's thread]
class Peers {
 public:
  struct Callbacks {
    // The services of other hosts that this host wants to reach, whole at each change.
    std::function<void(std::vector<discovery::ServiceRecord>)> wanted;
    // Another host has registered a service under an id of this host's.
    std::function<void(const discovery::ServiceRecord&)> conflict;
    // Another host has this host's name; once for each process of that host.
    std::function<void(const discovery::ServiceRecord&)> same_name;
    // own_listed() changed.
    std::function<void()> listed = {};
  };
  Peers(discovery::Discovery& discovery, HostRecord self, Callbacks callbacks);

  // Kinds that this host's services talk to, and kinds that it provides itself (watched for conflicts only).
  void set_kinds(std::set<std::string> needed, std::set<std::string> provided);
  void set_rule(LinkRule rule);
  // Ids of this host's own services; a record of another boot under one of them is a conflict.
  void set_own(std::set<std::string> ids);
  // Ids of this host's services that the catalog listed in its last answer, registered by this process.
  [[nodiscard]] std::set<std::string> own_listed() const;
  // Calls `fn` with what the catalog says now of these ids, once it has answered for all kinds watched.
  void when_known(std::function<void(const std::vector<discovery::ServiceRecord>&)> fn);

 private:
  void on_records(const std::vector<discovery::ServiceRecord>& records);
  void tell(std::unique_lock<std::mutex>& lock);

  discovery::Discovery& discovery_;
  const HostRecord self_;
  const Callbacks callbacks_;
  mutable std::mutex mutex_;  // guards all below
  LinkRule rule_;
  std::set<std::string> needed_;
  std::set<std::string> provided_;
  std::set<std::string> own_;
  std::set<std::string> namesakes_;  // boots of hosts of the same name that were told of, as long as they are there
  std::set<std::string> listed_;
  std::vector<discovery::ServiceRecord> records_;
  bool known_ = false;
  std::vector<std::function<void(const std::vector<discovery::ServiceRecord>&)>> waiting_;
};

}  // namespace cm::gateway
