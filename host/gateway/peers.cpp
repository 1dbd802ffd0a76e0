#include "gateway/peers.hpp"

#include <algorithm>
#include <utility>

namespace cm::gateway {

Peers::Peers(discovery::Discovery& discovery, HostRecord self, Callbacks callbacks)
    : discovery_(discovery), self_(std::move(self)), callbacks_(std::move(callbacks)) {}

void Peers::set_kinds(std::set<std::string> needed, std::set<std::string> provided) {
  std::vector<std::string> kinds;
  {
    std::unique_lock lock(mutex_);
    std::set<std::string> before = needed_;
    before.insert(provided_.begin(), provided_.end());
    needed_ = std::move(needed);
    provided_ = std::move(provided);
    std::set<std::string> all = needed_;
    all.insert(provided_.begin(), provided_.end());
    if (all == before) {
      tell(lock);
      return;
    }
    known_ = false;
    kinds.assign(all.begin(), all.end());
  }
  discovery_.watch_services(std::move(kinds), [this](const auto& records) { on_records(records); });
}

void Peers::set_rule(LinkRule rule) {
  std::unique_lock lock(mutex_);
  rule_ = std::move(rule);
  tell(lock);
}

void Peers::set_own(std::set<std::string> ids) {
  const std::lock_guard lock(mutex_);
  own_ = std::move(ids);
}

std::set<std::string> Peers::own_listed() const {
  const std::lock_guard lock(mutex_);
  return listed_;
}

void Peers::when_known(std::function<void(const std::vector<discovery::ServiceRecord>&)> fn) {
  std::unique_lock lock(mutex_);
  if (!known_) {
    waiting_.push_back(std::move(fn));
    return;
  }
  const auto records = records_;
  lock.unlock();
  fn(records);
}

void Peers::on_records(const std::vector<discovery::ServiceRecord>& records) {
  std::unique_lock lock(mutex_);
  records_ = records;
  known_ = true;
  const auto waiting = std::exchange(waiting_, {});
  const auto own = own_;
  std::set<std::string> namesakes;
  std::vector<discovery::ServiceRecord> new_namesakes;
  for (const auto& record : records) {
    if (record.host != self_.name || record.mesh != self_.mesh || record.boot == self_.boot) continue;
    if (namesakes.insert(record.boot).second && !namesakes_.contains(record.boot)) new_namesakes.push_back(record);
  }
  namesakes_ = std::move(namesakes);
  std::set<std::string> listed;
  for (const auto& record : records) {
    if (record.boot == self_.boot) listed.insert(record.id);
  }
  const bool relisted = std::exchange(listed_, listed) != listed;
  tell(lock);
  for (const auto& record : new_namesakes) callbacks_.same_name(record);
  if (relisted && callbacks_.listed) callbacks_.listed();
  for (const auto& fn : waiting) fn(records);
  for (const auto& record : records) {
    if (record.boot != self_.boot && record.mesh == self_.mesh && own.contains(record.id)) callbacks_.conflict(record);
  }
}

void Peers::tell(std::unique_lock<std::mutex>& lock) {
  if (!known_) return;
  std::vector<discovery::ServiceRecord> wanted;
  std::copy_if(records_.begin(), records_.end(), std::back_inserter(wanted), [&](const discovery::ServiceRecord& r) {
    return r.mesh == self_.mesh && r.boot != self_.boot && needed_.contains(r.kind) && rule_.allows(r.kind, r.group);
  });
  lock.unlock();
  callbacks_.wanted(std::move(wanted));
}

}  // namespace cm::gateway
