#pragma once

#include <cellmesh/plugin.hpp>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace agent {

using Entries = cellmesh::Table<cellmesh::Client, proto::AgentEntry>;

// Tells the services that asked for it (AnnounceREQ) who enters and leaves here. One that could not be told, because
// the link to it was full, is told everything anew by retry(). A member of the agent `Service`.
template <typename Service>
class Presence {
 public:
  Presence(Service& service, const Entries& entries)
      : service_(service), entries_(entries), watchers_(service, "watchers") {}

  // False, as for all that tell: somebody is behind, retry() soon.
  bool watch(cellmesh::ServiceId who) {
    watchers_[who].set_behind(true);
    return retry();
  }
  void unwatch(cellmesh::ServiceId who) { watchers_.erase(who); }

  bool entered(cellmesh::Client client) { return tell<proto::OnlineREQ>(client); }
  // Something about it changed.
  bool changed(cellmesh::Client client) { return tell<proto::OnlineREQ>(client, true); }
  // While its entry stands.
  bool left(cellmesh::Client client) { return tell<proto::OfflineREQ>(client); }

  bool retry() {
    bool all = true;
    for (const cellmesh::ServiceId who : watchers()) {
      if (!watchers_.find(who)->behind()) continue;
      if (tell_all(who)) {
        watchers_.edit(who)->set_behind(false);
      } else {
        all = false;
      }
    }
    return all;
  }

 private:
  static constexpr std::size_t most_bytes = 1'000'000;  // of a message

  template <typename Message>
  bool tell(cellmesh::Client client, bool again = false) {
    const auto* entry = entries_.find(client);
    if (entry == nullptr || !entry->verified() || watchers_.empty()) return true;
    Message message;
    if constexpr (std::is_same_v<Message, proto::OnlineREQ>) message.set_again(again);
    fill(*message.add_entries(), client, *entry);
    bool all = true;
    for (const cellmesh::ServiceId who : watchers()) {
      // One that is not up asks anew when it is.
      if (service_.send(who, message) != cellmesh::Status::backpressure) continue;
      watchers_.edit(who)->set_behind(true);
      all = false;
    }
    return all;
  }

  bool tell_all(cellmesh::ServiceId who) {
    proto::OnlineREQ message;
    message.set_again(true);
    message.set_begins(true);
    bool sent = true;
    std::size_t bytes = 0;
    entries_.for_each([&](cellmesh::Client client, const proto::AgentEntry& entry) {
      if (!entry.verified() || !sent) return;
      auto& added = *message.add_entries();
      fill(added, client, entry);
      bytes += added.ByteSizeLong() + 8;
      if (bytes < most_bytes) return;
      bytes = 0;
      sent = service_.send(who, message) != cellmesh::Status::backpressure;
      message.clear_entries();
      message.set_begins(false);
    });
    message.set_all(true);
    return sent && service_.send(who, message) != cellmesh::Status::backpressure;
  }

  static void fill(proto::OnlineREQ::Entry& out, cellmesh::Client client, const proto::AgentEntry& entry) {
    out.set_uid(entry.uid());
    out.set_session(static_cast<std::int64_t>(client.session()));
    out.set_entered_at_ms(entry.entered_at_ms());
    *out.mutable_channels() = entry.channels();
  }

  [[nodiscard]] std::vector<cellmesh::ServiceId> watchers() const {
    std::vector<cellmesh::ServiceId> all;
    watchers_.for_each([&](cellmesh::ServiceId who, const proto::AgentWatcher& /*row*/) { all.push_back(who); });
    return all;
  }

  Service& service_;
  const Entries& entries_;
  cellmesh::Table<cellmesh::ServiceId, proto::AgentWatcher> watchers_;
};

}  // namespace agent
