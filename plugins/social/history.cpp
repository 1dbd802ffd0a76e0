// The last lines of channels, which who joins gets: kept in memory, and stored now and then. A service that follows has
// those that it heard of, so that none is lost with the leader.
#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "social.hpp"
#include "stored.hpp"

using cellmesh::Status;

namespace {

constexpr std::size_t most_bytes = 100'000;  // of a channel's last lines
constexpr int batch = 16;                    // channels that are stored at once
constexpr int most_batches = 16;

// Of "one,two,three".
template <typename F>
void for_each_name(std::string_view names, F&& visit) {
  while (!names.empty()) {
    const auto end = std::min(names.find(','), names.size());
    visit(std::string(names.substr(0, end)));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
}

}  // namespace

void Social::remember(Channel& channel, const proto::ChatACK& said) {
  if (settings().history() == 0) return;
  *channel.add_history() = said;
  trim(channel);
  channel.set_dirty(true);
  channel.set_older(false);
  save_channels_soon();
}

void Social::trim(Channel& channel) const {
  const int most = static_cast<int>(settings().history());
  int first = channel.history_size();
  for (std::size_t bytes = 0; first > 0 && channel.history_size() - first < most; --first) {
    bytes += channel.history(first - 1).ByteSizeLong() + 8;
    if (bytes > most_bytes) break;
  }
  channel.mutable_history()->DeleteSubrange(0, first);
}

void Social::add_write(proto::SaveDataREQ& req, const std::string& name, const Channel& channel) {
  proto::SocialChannelData data;
  *data.mutable_history() = channel.history();
  auto& write = *req.add_writes();
  *write.mutable_key() = social::channel_key(name);
  write.set_any_version(true);
  write.set_value(data.SerializeAsString());
}

// Nobody waits for an answer.
void Social::store_channels_at_last() {
  const auto data = directory().pick("data");
  if (!data) return;
  proto::SaveDataREQ req;
  channels_.for_each([&](const std::string& name, const Channel& channel) {
    if (!channel.dirty() || !channel.loaded()) return;
    add_write(req, name, channel);
    if (req.writes_size() < batch) return;
    send(data, req);
    req.clear_writes();
  });
  if (!req.writes().empty()) send(data, req);
}

void Social::save_channels_soon() {
  if (!save_timer_) save_timer_ = after<&Social::save_channels>(std::chrono::seconds(settings().history_save_sec()));
}

// Several channels a write: what was said since the last one is lost when this process dies.
void Social::save_channels() {
  save_timer_ = {};
  if (!leads()) return leave_saving_to_leader();
  std::vector<std::string> names;
  bool more = false;
  channels_.for_each([&](const std::string& name, const Channel& channel) {
    if (!channel.dirty()) return;
    if (channel.busy() || names.size() == static_cast<std::size_t>(batch) * most_batches) {
      more = true;
    } else {
      names.push_back(name);
    }
  });
  if (more) save_channels_soon();
  const auto data = directory().pick("data");
  for (std::size_t i = 0; i < names.size();) {
    proto::SaveDataREQ req;
    std::string written;
    for (; i < names.size() && req.writes_size() < batch; ++i) {
      auto& channel = *channels_.edit(names[i]);
      if (!channel.loaded()) {  // what is stored must not be lost to a few new lines
        load_channel(names[i], channel);
        save_channels_soon();
        continue;
      }
      add_write(req, names[i], channel);
      written += (written.empty() ? "" : ",") + names[i];
    }
    if (req.writes().empty()) continue;
    if (!data || call<&Social::on_channels_saved>(data, req, written) != Status::ok) return save_channels_soon();
    for_each_name(written, [&](const std::string& name) {
      channels_.edit(name)->set_busy(true);
      channels_.edit(name)->set_dirty(false);
    });
  }
}

// The leader stores them, unless it dies: until it did they are kept here.
void Social::leave_saving_to_leader() {
  std::vector<std::string> dirty;
  channels_.for_each([&](const std::string& name, const Channel& channel) {
    if (channel.dirty()) dirty.push_back(name);
  });
  for (const auto& name : dirty) {
    auto& channel = *channels_.edit(name);
    channel.set_dirty(!channel.older());
    channel.set_older(!channel.older());
    forget_channel_if_unused(name);
  }
  if (!dirty.empty()) save_channels_soon();
}

void Social::on_channels_saved(const proto::SaveDataACK& ack, Status status, const std::string& names) {
  const bool saved = status == Status::ok && ack.result() == proto::DataOk;
  if (!saved) {
    failed_.add();
    log().debug("the last lines of {} cannot be stored: {} {}", names, status, ack.text());
  }
  for_each_name(names, [&](const std::string& name) {
    auto* channel = channels_.edit(name);
    if (channel == nullptr) return;
    channel->set_busy(false);
    if (!saved) channel->set_dirty(true);
    if (channel->dirty()) save_channels_soon();
    forget_channel_if_unused(name);
  });
}
