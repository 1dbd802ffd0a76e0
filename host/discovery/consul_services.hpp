#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "discovery/blocking_query.hpp"
#include "discovery/callback.hpp"

namespace cm::discovery {

using ServicesCallback = Callback<const std::vector<ServiceRecord>&>;

// The watched kinds: one blocking query each, told together. After Consul was out of reach, what was known is held for
// three TTLs, or until it is seen again: health checks lapse and registrations are forgotten meanwhile, though the
// services live. In the first of the three, being seen is not enough: a Consul that kept its data lists what was there
// before, and only then finds that its checks have lapsed. [the loop's thread]
class ConsulServices {
 public:
  explicit ConsulServices(ConsulContext& context);

  void watch(const std::vector<std::string>& kinds, std::shared_ptr<ServicesCallback> on_change);
  void on_contact(ConsulContact::Verdict verdict);
  void on_outage();

 private:
  struct Held {
    ServiceRecord record;
    bool seen = false;  // since
  };
  struct Kind {
    std::unique_ptr<BlockingQuery> query;
    bool known = false;  // answered, or refused, at least once
    std::vector<ServiceRecord> live;
    std::map<std::string, Held> held;  // by id, known before an outage
    std::set<std::string> warned;      // of entries left out; at most kMaxWarned
  };

  std::unique_ptr<BlockingQuery> make_query(const std::string& name);
  base::Status on_answer(const std::string& name, const ConsulAnswer& answer);
  void on_refused(const std::string& name, const std::string& error);
  void settle();
  void let_go();
  void tell();

  ConsulContext& context_;
  std::map<std::string, Kind> kinds_;
  std::shared_ptr<ServicesCallback> on_change_;
  std::vector<ServiceRecord> told_;
  bool told_once_ = false;
  bool settled_ = true;  // a TTL has passed since Consul was back
  Timer hold_;
};

}  // namespace cm::discovery
