#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/blocking_query.hpp"
#include "discovery/callback.hpp"

namespace cm::discovery {

using ServicesCallback = Callback<const std::vector<ServiceRecord>&>;

// The services of the catalog: those of the watched kinds, told together, and this host's own, of which it is seen that
// the catalog lists them.
//
// Consul answers a blocking query for one kind only, and each takes a connection, of which it allows few. So there is
// none: a host that sees its new or changed service in the catalog writes a note to the KV, cellmesh/services/<kind>,
// which all hosts watch anyway; they then read that kind. What nobody announces (a health check that lapsed, a service
// of something else) is found by reading all kinds every three TTLs.
//
// After Consul was out of reach, what was known is held for three TTLs, or until it is seen again: health checks lapse
// and registrations are forgotten meanwhile, though the services live. In the first of the three, being seen is not
// enough: a Consul that kept its data lists what was there before, and only then finds that its checks have lapsed.
// [the loop's thread]
class ConsulServices {
 public:
  // `on_unseen` gets the ids of own services that the catalog does not list though it had time to.
  ConsulServices(ConsulContext& context, std::function<void(std::set<std::string>)> on_unseen);

  // Kinds that the host provides and does not look for are read for its own services only, once it has some, and for
  // those under one of their ids or its name, which are conflicts.
  void set_role(const AccessRole& role);
  void watch(const std::vector<std::string>& kinds, std::shared_ptr<ServicesCallback> on_change);
  void on_contact(ConsulContact::Verdict verdict);
  void on_outage();
  // Reads all kinds now.
  void reread();
  // Calls done() when no note waits to be written.
  void flush(std::function<void()> done);

  // The agent took it. `again`: as it was before; there is nothing to announce.
  void on_registered(const ServiceRecord& record, bool again);
  void on_deregistered(const ServiceRecord& record);
  // The notes of all hosts, as they stand in the KV.
  void on_notes(const Discovery::KvMap& notes);
  static constexpr std::string_view kNotes = "cellmesh/services/";

 private:
  struct Held {
    ServiceRecord record;
    bool seen = false;  // since
  };
  struct Kind {
    explicit Kind(Loop& loop);
    // Reading it.
    bool busy = false;
    bool again = false;   // when that is over
    bool failed = false;  // the last time, for a reason that on_contact settles
    std::string refused;  // the last error, so that it is told once
    Backoff backoff;
    Backoff own_backoff;  // while an own service is not listed
    Pace pace;
    Timer next;
    // What a watch is told.
    bool watched = false;
    bool known = false;  // answered, or refused, at least once
    std::vector<ServiceRecord> live;
    std::map<std::string, Held> held;  // by id, known before an outage
    std::set<std::string> warned;      // of entries left out; at most kMaxWarned
    // What others are told.
    std::string note;  // in the KV, as this host wrote it last
    bool to_write = false;
    bool writing = false;
    Timer write;
  };
  struct Own {
    ServiceRecord record;
    bool announced = false;
    bool seen = false;  // in the last answer
    Loop::Clock::time_point missing_since{};
  };

  Kind& kind(const std::string& name);
  [[nodiscard]] bool only_own(const std::string& name) const;
  [[nodiscard]] bool concerns_own(std::string_view note) const;
  void read_soon(const std::string& name, std::chrono::milliseconds after);
  void read(const std::string& name);
  void on_answer(const std::string& name, const ConsulAnswer& answer);
  base::Status take(const std::string& name, Kind& kind, const ConsulAnswer& answer);
  void check_own(const std::string& name, const std::vector<ServiceRecord>& listed);
  void tell_unseen();
  void announce(const ServiceRecord& record, std::chrono::milliseconds after);
  void write_note(const std::string& name);
  void check_flushed();
  void sweep();
  void settle();
  void let_go();
  void tell();

  ConsulContext& context_;
  const std::function<void(std::set<std::string>)> on_unseen_;
  std::map<std::string, std::unique_ptr<Kind>> kinds_;  // watched, or of own services
  std::map<std::string, Own> own_;                      // by id
  std::set<std::string> only_provided_;                 // kinds
  Discovery::KvMap notes_;
  std::uint64_t notes_written_ = 0;
  std::function<void()> on_flushed_;
  std::shared_ptr<ServicesCallback> on_change_;
  std::vector<ServiceRecord> told_;
  bool told_once_ = false;
  bool settled_ = true;  // a TTL has passed since Consul was back
  Timer hold_;
  Timer sweep_;
};

}  // namespace cm::discovery
