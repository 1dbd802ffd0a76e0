#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "discovery/blocking_query.hpp"
#include "discovery/callback.hpp"
#include "discovery/consul_access.hpp"

namespace cm::discovery {

using KvCallback = Callback<const Discovery::KvMap&, bool>;

// One watched prefix of a tree. When the KV was lost, it remembers which keys it had, and reports as lost until they
// are there again or three TTLs have passed. [the loop's thread]
class ConsulKvWatch {
 public:
  ConsulKvWatch(ConsulContext& context, std::string prefix, std::shared_ptr<KvCallback> on_change);

  void on_contact(ConsulContact::Verdict verdict);
  void on_outage();
  // Takes the current content of the whole tree. `rewound`: the index went backwards.
  void on_map(const Discovery::KvMap& all, std::uint64_t index, bool rewound);

 private:
  [[nodiscard]] bool missing() const;  // something that was lost still is not there
  [[nodiscard]] bool older(const Discovery::KvMap& map) const;
  void lose();
  void give_up();

  ConsulContext& context_;
  const std::string prefix_;
  const std::shared_ptr<KvCallback> on_change_;
  Discovery::KvMap map_;
  std::uint64_t index_ = 0;  // of the last answer
  bool known_ = false;
  bool tell_again_ = false;
  bool lost_ = false;          // told as lost until nothing of expected_ is missing
  Discovery::KvMap expected_;  // keys from before the loss, values not kept
  Timer patience_;
};

// All watches whose prefixes begin with the same word: one blocking query for all of them, since Consul limits the
// connections of an address. Keys that are gone are believed to be only when the token may read them: what it may not,
// Consul leaves out. [the loop's thread]
class ConsulKvTree {
 public:
  ConsulKvTree(ConsulContext& context, ConsulAccess& access, const std::string& root);
  ~ConsulKvTree() { *alive_ = false; }
  ConsulKvTree(const ConsulKvTree&) = delete;
  ConsulKvTree& operator=(const ConsulKvTree&) = delete;

  // The first word of a prefix, with its slash.
  static std::string root_of(const std::string& prefix);

  void watch(const std::string& prefix, std::shared_ptr<KvCallback> on_change);
  void unwatch(const std::string& prefix) { watches_.erase(prefix); }
  [[nodiscard]] bool empty() const { return watches_.empty(); }

  void on_contact(ConsulContact::Verdict verdict);
  void on_outage();
  // Asks anew, by another token.
  void restart() { query_.restart(); }

 private:
  base::Status on_answer(const ConsulAnswer& answer, bool rewound);
  void take(Discovery::KvMap map, std::uint64_t index);
  [[nodiscard]] std::vector<std::string> gone(const Discovery::KvMap& map) const;

  ConsulContext& context_;
  ConsulAccess& access_;
  const std::string root_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  BlockingQuery query_;
  std::map<std::string, std::unique_ptr<ConsulKvWatch>> watches_;
  Discovery::KvMap map_;
  std::uint64_t index_ = 0;
  bool known_ = false;
  bool rewound_ = false;       // the index went backwards since map_ was taken
  std::uint64_t answers_ = 0;  // so that a late answer about rights is not taken for a newer map's
};

// Reads and writes, one after the other in the order asked for. [the loop's thread]
class ConsulKvLane {
 public:
  struct Request {
    ConsulRequest what;
    std::function<void(const ConsulAnswer&)> done;
  };

  explicit ConsulKvLane(ConsulContext& context) : context_(context) {}

  void send(Request request);
  // Ends all that is under way.
  void fail_all(const std::string& error);

 private:
  void next();

  ConsulContext& context_;
  std::deque<Request> requests_;  // the first is under way; at most kMaxRequestsUnderWay: ConsulDiscovery counts
  ConsulApi::Id under_way_ = 0;
};

}  // namespace cm::discovery
