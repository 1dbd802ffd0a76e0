#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "discovery/blocking_query.hpp"
#include "discovery/callback.hpp"

namespace cm::discovery {

using KvCallback = Callback<const Discovery::KvMap&, bool>;

// One watched prefix. When the KV was lost, it remembers which keys it had, and reports as lost until they are there
// again or three TTLs have passed. [the loop's thread]
class ConsulKvWatch {
 public:
  ConsulKvWatch(ConsulContext& context, std::string prefix, std::shared_ptr<KvCallback> on_change);

  void on_contact(ConsulContact::Verdict verdict);
  void on_outage();

 private:
  base::Status on_answer(const ConsulAnswer& answer, bool rewound);
  void on_refused(const std::string& error) const;
  [[nodiscard]] bool missing() const;  // something that was lost still is not there
  [[nodiscard]] bool older(const Discovery::KvMap& map) const;
  void lose();
  void give_up();

  ConsulContext& context_;
  const std::string prefix_;
  const std::shared_ptr<KvCallback> on_change_;
  BlockingQuery query_;
  Discovery::KvMap map_;
  std::uint64_t index_ = 0;  // of the last answer
  bool known_ = false;
  bool tell_again_ = false;
  bool lost_ = false;          // told as lost until nothing of expected_ is missing
  Discovery::KvMap expected_;  // keys from before the loss, values not kept
  Timer patience_;
};

// Reads and writes, one after the other in the order asked for. [the loop's thread]
class ConsulKvLane {
 public:
  struct Request {
    std::string method;
    std::string path;
    std::string body;
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
