#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cellmesh/abi/types.h"
#include "discovery/discovery.hpp"
#include "routing/ids.hpp"

namespace cm::plugin {

class Mailbox;

// The entries that services share in the KV, under `cellmesh/shared/`: keeps there what services of this host publish,
// and tells those that watch. Owned by the gateway, outlives the services. [any thread]
class SharedKv {
 public:
  static constexpr std::string_view kPrefix = "cellmesh/shared/";
  static constexpr std::size_t kMaxPublished = 256;  // of one service
  static constexpr std::size_t kMaxWatches = 16;     // of one service
  static constexpr std::size_t kMaxEntries = 10'000;
  using Entries = std::map<std::string, std::string, std::less<>>;

  explicit SharedKv(discovery::Discovery& discovery);
  SharedKv(const SharedKv&) = delete;
  SharedKv& operator=(const SharedKv&) = delete;
  ~SharedKv();

  [[nodiscard]] static bool good_name(std::string_view name);
  [[nodiscard]] static bool good_prefix(std::string_view prefix);

  // As in abi/kv.h. Names, prefixes and sizes are good.
  cm_status publish(routing::ServiceRef owner, const std::string& name, std::string value);
  void remove(routing::ServiceRef owner, const std::string& name);
  // What is there goes to the mailbox before it returns, changes as they come.
  cm_status watch(routing::ServiceRef owner, std::shared_ptr<Mailbox> mailbox, const std::string& prefix);
  cm_status unwatch(routing::ServiceRef owner, const std::string& prefix);
  // All that it watches.
  [[nodiscard]] Entries watched_by(routing::ServiceRef owner) const;
  // The service ended: nothing is kept or told for it any more.
  void forget(routing::ServiceRef owner);

 private:
  struct Published {
    std::string value;
    std::shared_ptr<std::atomic<bool>> written = std::make_shared<std::atomic<bool>>(true);  // false: to be tried again
  };
  struct Owner {
    std::map<std::string, Published, std::less<>> published;
    std::set<std::string, std::less<>> prefixes;
    std::shared_ptr<Mailbox> mailbox;
    [[nodiscard]] bool watches(std::string_view name) const;
  };

  void start();
  void on_change(const discovery::Discovery::KvMap& values, bool lost);
  [[nodiscard]] static Entries read(const discovery::Discovery::KvMap& values);
  void keep_lost(Entries& now, bool lost);
  void keep_published(Entries& now);
  void write(const std::string& name, const Published& entry);

  discovery::Discovery& discovery_;
  mutable std::mutex mutex_;  // guards all below
  bool started_ = false;
  Entries entries_;
  std::set<std::string> lost_;  // of these, what the KV lost and does not have again yet
  std::map<routing::ServiceRef, Owner> owners_;
};

}  // namespace cm::plugin
