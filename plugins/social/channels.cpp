#include <algorithm>
#include <chrono>
#include <string>

#include "social.hpp"
#include "stored.hpp"

using namespace std::chrono_literals;
using cellmesh::Client;
using cellmesh::Status;
using social::contains;
using social::remove;

namespace {

constexpr std::size_t most_bytes = 100'000;    // of a channel's last lines
constexpr std::size_t most_answered = 60'000;  // of them, in one message to a client
constexpr int batch = 16;                      // channels that are stored at once
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

void Social::handle(const proto::JoinChannelREQ& req, const std::string& uid, Client client) {
  const std::string& name = req.channel();
  if (!social::good_channel(name)) {
    return refuse(req, client, proto::BadChannel, "a channel's name is 1 to 32 of a-z, 0-9 and \"-\"");
  }
  const Player& player = *online_.find(uid);
  auto* channel = channels_.edit(name);
  if (contains(player.channels(), name)) return tell_joined(name, client, {});
  if (in_enough_channels(player)) return refuse_channel(req, client);
  if (channel == nullptr && channels_.size() >= settings().max_channels()) {
    return refuse(req, client, proto::ListFull, "there are as many channels as there may be");
  }
  if (channel != nullptr &&
      static_cast<std::uint32_t>(channel->members_size() + channel->joining_size()) >= settings().max_members()) {
    return refuse(req, client, proto::ListFull, "the channel has as many members as it may");
  }
  if (channel == nullptr) channel = &channels_[name];
  if (settings().history() == 0) channel->set_loaded(true);
  if (channel->loaded()) return join(name, uid, client, {});
  if (!load_channel(name, *channel)) return join(name, uid, client, "its last lines cannot be read now");
  if (!contains(channel->joining(), uid)) channel->add_joining(uid);
}

void Social::join(const std::string& name, const std::string& uid, Client client, const std::string& text) {
  auto& player = *online_.edit(uid);
  if (!contains(player.channels(), name)) {
    if (in_enough_channels(player)) {  // of several that waited for their histories
      proto::JoinChannelREQ req;
      req.set_channel(name);
      return refuse_channel(req, client);
    }
    player.add_channels(name);
    channels_[name].add_members(uid);
  }
  tell_joined(name, client, text);
}

bool Social::in_enough_channels(const Player& player) const {
  return static_cast<std::uint32_t>(player.channels_size()) >= settings().max_channels_of_player();
}

void Social::refuse_channel(const proto::JoinChannelREQ& req, Client client) {
  refuse(req, client, proto::ListFull,
         cellmesh::format("at most {} channels at once; leave one", settings().max_channels_of_player()));
}

void Social::tell_joined(const std::string& name, Client client, const std::string& text) {
  const Channel& channel = *channels_.find(name);
  proto::JoinChannelACK ack;
  ack.set_channel(name);
  ack.set_members(static_cast<std::uint32_t>(channel.members_size()));
  ack.set_text(text);
  // As many of the last as fit.
  int first = channel.history_size();
  for (std::size_t bytes = 0; first > 0; --first) {
    bytes += channel.history(first - 1).ByteSizeLong() + 8;
    if (bytes > most_answered) break;
  }
  for (; first < channel.history_size(); ++first) {
    auto& said = *ack.add_history();
    said = channel.history(first);
    said.set_old(true);
  }
  clients().send(client, ack);
}

void Social::handle(const proto::LeaveChannelREQ& req, const std::string& uid, Client client) {
  if (!contains(online_.find(uid)->channels(), req.channel())) {
    return refuse(req, client, proto::NotInChannel, "you are not in that channel");
  }
  remove(*online_.edit(uid)->mutable_channels(), req.channel());
  leave_channel(req.channel(), uid);
  clients().send(client, social::answer_to(req));
}

void Social::leave_channel(const std::string& name, const std::string& uid) {
  auto* channel = channels_.edit(name);
  if (channel == nullptr) return;
  remove(*channel->mutable_members(), uid);
  forget_channel_if_unused(name);
}

void Social::forget_channel_if_unused(const std::string& name) {
  const auto* channel = channels_.find(name);
  if (channel == nullptr || channel->busy() || channel->dirty()) return;
  if (channel->members().empty() && channel->joining().empty()) channels_.erase(name);
}

// True while its last lines are being read.
bool Social::load_channel(const std::string& name, Channel& channel) {
  if (channel.busy()) return true;
  proto::LoadDataREQ req;
  *req.add_keys() = social::channel_key(name);
  const auto data = directory().pick("data");
  if (!data || call<&Social::on_channel_loaded>(data, req, name) != Status::ok) return false;
  channel.set_busy(true);
  return true;
}

void Social::on_channel_loaded(const proto::LoadDataACK& ack, Status status, const std::string& name) {
  auto* channel = channels_.edit(name);
  if (channel == nullptr || !channel->busy()) return;
  channel->set_busy(false);
  proto::SocialChannelData stored;
  const bool read = status == Status::ok && ack.result() == proto::DataOk && ack.rows_size() == 1 &&
                    stored.ParseFromString(ack.rows(0).value());
  if (read) {
    // Lines that were said before this could be read come behind.
    for (const auto& said : channel->history()) *stored.add_history() = said;
    *channel->mutable_history() = stored.history();
    channel->set_loaded(true);
    trim(*channel);
    for (const auto& said : channel->history()) last_id_ = std::max(last_id_, said.id());
  } else {
    failed_.add();
  }
  const auto joining = channel->joining();
  channel->clear_joining();
  for (const auto& uid : joining) {
    if (const auto* player = online_.find(uid)) {
      join(name, uid, client_of(*player), read ? "" : "its last lines cannot be read now");
    }
  }
  forget_channel_if_unused(name);
}

void Social::remember(Channel& channel, const proto::ChatACK& said) {
  if (settings().history() == 0) return;
  *channel.add_history() = said;
  trim(channel);
  channel.set_dirty(true);
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
