#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace cm::discovery {

// A service as it stands in the catalog. Registered once by its host; health is the host's TTL check.
struct ServiceRecord {
  std::string id;    // game#0@dev
  std::string kind;  // game
  std::string group;
  std::uint32_t index = 0;
  std::string mesh;            // name of the mesh; hosts of another are not linked
  std::string host;            // name of its host
  std::string boot;            // the host process's own id, new at each start
  std::string link_address;    // `ip:port` on which its host takes links
  std::string public_address;  // `host:port` for clients; empty: no frontend
  std::uint64_t load = 0;      // users; kept about right, for people and for tools
  bool draining = false;
  std::string unhealthy;  // why it cannot do its work, one line; empty: it is healthy
  friend bool operator==(const ServiceRecord&, const ServiceRecord&) = default;
};

// What a host does with the catalog and the KV, and so what its token must allow.
struct AccessRole {
  std::string host;                // its name
  std::set<std::string> plugins;   // for people: what to ask the policy for
  std::set<std::string> provides;  // kinds of service that it registers
  std::set<std::string> needs;     // kinds that it looks for
  bool gateway = false;            // it may send clients' messages to any kind
  std::set<std::string> shares;    // prefixes of the shared entries that it writes
  bool list_in_kv = true;          // the KV names its plugins
  friend bool operator==(const AccessRole&, const AccessRole&) = default;
};

// In the error of a put_if that came too late.
inline constexpr std::string_view kChangedMeanwhile = "changed meanwhile";

// The catalog and the KV of the mesh. Two implementations: ConsulDiscovery (real Consul) and EmbeddedDiscovery (in this
// process). All callbacks run on the implementation's own thread, one at a time, and must not block for long; they may
// call back into it. After stop() returned none runs.
class Discovery {
 public:
  Discovery() = default;
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;
  virtual ~Discovery() = default;

  // Begins; returns at once. `on_ready` once, when catalog and KV have been reached for the first time (Consul absent:
  // it waits, says so in the log every few seconds, and tries on).
  virtual void start(std::function<void()> on_ready) = 0;
  // Deregisters everything that is registered (bounded: 3 s), ends what is under way with an error, ends the thread.
  // Calls that come later do nothing. [any thread but its own]
  virtual void stop() = 0;
  // Runs it on the implementation's own thread, after what was posted before. [any thread]
  virtual void post(std::function<void()> work) = 0;

  // Registers, or changes a registration; kept registered from then on: health is refreshed, and it is done again when
  // the catalog forgot it. [any thread]
  virtual void register_service(const ServiceRecord& record) = 0;
  // [any thread]
  virtual void deregister_service(const std::string& id) = 0;

  // The services of these kinds that are up, unhealthy ones too, whole at each change; replaces what was watched before
  // (whose callback does not run any more on return, unless this is called from it). At most 128 kinds.
  // While the catalog cannot be reached nothing is reported, the last answer stays true; a catalog that came back empty
  // (Consul restarted) is not reported as "all gone" until the owners had time to register again (about three TTLs).
  // [any thread]
  virtual void watch_services(std::vector<std::string> kinds,
                              std::function<void(const std::vector<ServiceRecord>&)> on_change) = 0;

  struct KvEntry {
    std::string value;
    std::uint64_t version = 0;  // for compare-and-set; 0: the key does not exist
    friend bool operator==(const KvEntry&, const KvEntry&) = default;
  };
  using KvMap = std::map<std::string, KvEntry>;

  // Everything under a prefix, whole at each change, with no change invented while the KV cannot be reached. Called for
  // the first time when it is known, and with what was there already when that may be news to who writes: when the KV
  // is back after it could not be reached (a write failed), or something came and went between two looks (what was
  // written is deleted). One watch a prefix: a second one replaces the first.
  // A KV that came back empty or older after a restart is reported with `lost` true: a key that is missing then is not
  // deleted but lost. The owner of the values keeps what it had and writes it back with put_if(key, value, 0), also
  // when that takes longer than reports are `lost`: until every key is there again, or about three TTLs. [any thread]
  virtual void watch_kv(const std::string& prefix, std::function<void(const KvMap&, bool lost)> on_change) = 0;
  // Ends a watch; on return its callback does not run any more (unless called from it). The caller holds no lock that
  // the callback takes. [any thread]
  virtual void unwatch_kv(const std::string& prefix) = 0;

  // `done` is called with the outcome; the error text names the cause. Requests of one caller are done in order. One
  // that comes while the KV cannot be reached fails at once: nothing waits for its return. A key is at most 512 bytes,
  // a value 512 KiB. With more than 1,024 under way the next is refused, its `done` called before the call returns.
  using Done = std::function<void(base::Status)>;
  using Got = std::function<void(base::Result<std::optional<KvEntry>>)>;
  virtual void get(const std::string& key, Got done) = 0;
  virtual void put(const std::string& key, const std::string& value, Done done) = 0;
  // Writes only when the key's version still is `version` (0: absent). `done` gets an error with
  // kChangedMeanwhile in it else.
  virtual void put_if(const std::string& key, const std::string& value, std::uint64_t version, Done done) = 0;
  virtual void remove(const std::string& key, Done done) = 0;

  // Says what this host is about to do, so that missing rights are found before they are missed. [any thread]
  virtual void set_role(AccessRole /*role*/) {}
  // Calls `on_change`, once that is known after set_role() and at each change, with what keeps this host from seeing
  // others or being seen: a token that is refused or lacks rights, a registration that the catalog does not list. One
  // line with the remedy; empty: nothing does. One watch, before start().
  virtual void watch_access(std::function<void(const std::string& problem)> /*on_change*/) {}

  struct State {
    std::string kind;     // "consul" or "embedded"
    std::string address;  // where; empty for embedded
    bool reachable = false;
    std::string last_error;  // empty when reachable
    std::size_t registered = 0;
  };
  [[nodiscard]] virtual State state() const = 0;  // [any thread]
};

}  // namespace cm::discovery
