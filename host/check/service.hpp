#pragma once

#include <cellmesh/testkit/memory_host.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "check/step_clock.hpp"
#include "check/subject.hpp"

namespace cm::check {

using cellmesh::test::MemoryHost;

// What a service is judged by, beside that it comes back.
enum class Judge : std::uint8_t {
  faults,      // no hook reports a fault
  exceptions,  // no exception leaves a hook
  arguments,   // no host function is called with arguments that are none
  statuses,    // hooks return what is a status
  time,        // hooks come back soon
  nothing
};

struct ServiceOptions {
  std::optional<std::string> settings = {};  // serialized, in place of the defaults
  std::set<std::string> missing = {};        // extensions that its host does not have
  std::uint32_t index = 0;
  bool alone = false;  // no other service is up
  Judge judge = Judge::faults;
};

// One service of the plugin in a host in memory, with others around it that never answer by themselves. Every step says
// what it does before it does it. What the judge finds throws Failed.
class Service {
 public:
  Service(Subject& subject, const cm_service_kind& kind, ServiceOptions options = {});
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // False when it refuses to be made, whatever it says of that.
  bool create();
  // What start returned; a fault in it is a refusal, no failure.
  cm_status start();
  // Creates and starts it; Failed when it refuses.
  void run();
  void stop();
  void destroy();

  // One step: `work` calls hooks of it, and returns what the last one returned.
  cm_status step(const std::string& what, const std::function<cm_status()>& work);

  // The same for a hook that is called past its host: an exception that leaves it is told as its host would.
  cm_status hook(const std::string& what, const std::function<cm_status(void* self)>& work);

  [[nodiscard]] MemoryHost& host() { return host_; }
  [[nodiscard]] Subject& subject() { return subject_; }
  [[nodiscard]] std::string_view kind() const { return kind_.kind; }
  [[nodiscard]] const cm_service_kind& code() const { return kind_; }
  void judge_by(Judge judge) { judge_ = judge; }

  // Others in the mesh: another service, and the agent of its clients, itself when it opened a frontend.
  [[nodiscard]] cm_service asker();
  [[nodiscard]] cm_service agent();
  // A client that it was told of, if it is to be told.
  cm_client client(std::uint64_t session);
  // All of them are gone.
  void forget_clients() { opened_.clear(); }

  // What it implements of an extension; null when it does not, or less than version 1.0 of it.
  template <class Extension>
  const Extension* implements(const char* id) {
    const auto* found = static_cast<const Extension*>(extension(id));
    return found != nullptr && found->struct_size >= sizeof(Extension) ? found : nullptr;
  }
  const void* extension(const char* id);

 private:
  void judge(const std::string& what, cm_status status);
  [[nodiscard]] std::optional<StepClock> start_clock() const;  // only when it is judged by it
  void judge_time(const std::string& what, const std::optional<StepClock>& clock) const;

  Subject& subject_;
  const cm_service_kind& kind_;
  const ServiceOptions options_;
  MemoryHost host_;
  Judge judge_;
  std::set<std::uint64_t> opened_;  // clients of its own frontend
};

// The default settings of a kind, serialized; nothing when it declares none.
std::optional<std::string> default_settings(Subject& subject, std::string_view kind);

// Does it with a running service of each kind, one after the other. Skipped when the work skips all of them.
void for_each_running(Subject& subject, const ServiceOptions& options, const std::function<void(Service&)>& work);

}  // namespace cm::check
