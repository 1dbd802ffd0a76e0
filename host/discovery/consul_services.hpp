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
// three TTLs, each service until it is seen again: health checks lapse and registrations are forgotten meanwhile,
// though the services live. [the loop's thread]
class ConsulServices {
 public:
  explicit ConsulServices(ConsulContext& context);

  void watch(const std::vector<std::string>& kinds, std::shared_ptr<ServicesCallback> on_change);
  void on_contact(ConsulContact::Verdict verdict);
  void on_outage();

 private:
  struct Kind {
    std::unique_ptr<BlockingQuery> query;
    bool known = false;  // answered, or refused, at least once
    std::vector<ServiceRecord> live;
    std::map<std::string, ServiceRecord> held;  // by id, known before an outage and not seen since
    std::set<std::string> warned;               // of entries left out; at most kMaxWarned
  };

  std::unique_ptr<BlockingQuery> make_query(const std::string& name);
  base::Status on_answer(const std::string& name, const ConsulAnswer& answer);
  void on_refused(const std::string& name, const std::string& error);
  void let_go();
  void tell();

  ConsulContext& context_;
  std::map<std::string, Kind> kinds_;
  std::shared_ptr<ServicesCallback> on_change_;
  std::vector<ServiceRecord> told_;
  bool told_once_ = false;
  Timer hold_;
};

}  // namespace cm::discovery
