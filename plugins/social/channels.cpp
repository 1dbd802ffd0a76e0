// Channels: who is in them. Each agent keeps which of its clients are in which channels, and tells all social services:
// so a member stays one, whoever leads.
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

constexpr std::size_t most_answered = 60'000;  // bytes of last lines, in one message to a client
constexpr auto membership_timeout = 2s;
constexpr const char* unread = "its last lines cannot be read now";

}  // namespace

void Social::handle(const proto::JoinChannelREQ& req, const std::string& uid, Client client) {
  const std::string& name = req.channel();
  if (!social::good_channel(name)) {
    return refuse(req, client, proto::BadChannel, "a channel's name is 1 to 32 of a-z, 0-9 and \"-\"");
  }
  const Player& player = *online_.find(uid);
  auto* channel = channels_.edit(name);
  if (contains(player.channels(), name)) return tell_joined(name, client, true);
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
  if (channel->loaded()) return join(name, uid, client, true);
  if (!load_channel(name, *channel)) return join(name, uid, client, false);
  if (!contains(channel->joining(), uid)) channel->add_joining(uid);
}

// It counts as a member at once, and is told so when its agent knows.
void Social::join(const std::string& name, const std::string& uid, Client client, bool all_read) {
  const auto& player = *online_.find(uid);
  if (!contains(player.channels(), name)) {
    if (in_enough_channels(player)) {  // of several that waited for their histories
      proto::JoinChannelREQ req;
      req.set_channel(name);
      return refuse_channel(req, client);
    }
    add_member(name, uid);
  }
  ask_membership(client, name, false, all_read);
}

void Social::ask_membership(Client client, const std::string& name, bool leaves, bool all_read) {
  proto::MembershipREQ req;
  req.set_epoch(state_.epoch());
  req.set_session(static_cast<std::int64_t>(client.session()));
  req.set_channel(name);
  req.set_leaves(leaves);
  const auto options = cellmesh::CallOptions{{}, membership_timeout};
  const Status status =
      call<&Social::on_membership>(options, client.agent(), req, client, name, leaves, all_read, state_.epoch());
  if (status != Status::ok) on_membership({}, status, client, name, leaves, all_read, state_.epoch());
}

void Social::on_membership(const proto::MembershipACK& ack, Status status, Client client, const std::string& name,
                           bool leaves, bool all_read, std::uint64_t epoch) {
  const auto* known = clients_.find(client);
  if (known == nullptr || !leads() || epoch != state_.epoch()) return;
  if (status == Status::ok && ack.refused()) return refused_by(directory().name(client.agent()), ack.epoch());
  const std::string uid = known->uid();
  const bool done = status == Status::ok && !ack.gone();
  if (leaves == done) {
    remove(*online_.edit(uid)->mutable_channels(), name);
    leave_channel(name, uid);
  } else {
    add_member(name, uid);  // it is one still, or was not among those that its agent told of meanwhile
  }
  proto::JoinChannelREQ join;
  proto::LeaveChannelREQ leave;
  join.set_channel(name);
  leave.set_channel(name);
  constexpr const char* why = "your agent did not answer, try again";
  if (done && leaves) {
    clients().send(client, social::answer_to(leave));
  } else if (done) {
    tell_joined(name, client, all_read);
  } else if (leaves) {
    refuse(leave, client, proto::TooFast, why, retry_ms);
  } else {
    refuse(join, client, proto::TooFast, why, retry_ms);
  }
}

void Social::add_member(const std::string& name, const std::string& uid) {
  auto& player = *online_.edit(uid);
  if (contains(player.channels(), name)) return;
  player.add_channels(name);
  channels_[name].add_members(uid);
}

// As its agent says.
void Social::set_channels(const std::string& uid, const google::protobuf::RepeatedPtrField<std::string>& channels) {
  const auto before = online_.find(uid)->channels();
  for (const auto& name : before) {
    if (contains(channels, name)) continue;
    remove(*online_.edit(uid)->mutable_channels(), name);
    leave_channel(name, uid);
  }
  for (const auto& name : channels) {
    if (social::good_channel(name)) add_member(name, uid);
  }
}

bool Social::in_enough_channels(const Player& player) const {
  return static_cast<std::uint32_t>(player.channels_size()) >= settings().max_channels_of_player();
}

void Social::refuse_channel(const proto::JoinChannelREQ& req, Client client) {
  refuse(req, client, proto::ListFull,
         cellmesh::format("at most {} channels at once; leave one", settings().max_channels_of_player()));
}

void Social::tell_joined(const std::string& name, Client client, bool all_read) {
  const Channel& channel = *channels_.find(name);
  proto::JoinChannelACK ack;
  ack.set_channel(name);
  ack.set_members(static_cast<std::uint32_t>(channel.members_size()));
  if (!all_read) ack.set_text(unread);
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
  ask_membership(client, req.channel(), true, true);
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
    const std::uint64_t last = stored.history().empty() ? 0 : stored.history().rbegin()->id();
    for (const auto& said : channel->history()) {
      if (last == 0 || said.id() > last) *stored.add_history() = said;
    }
    *channel->mutable_history() = stored.history();
    channel->set_loaded(true);
    trim(*channel);
    for (const auto& said : channel->history()) seen_id(said.id());
  } else {
    failed_.add();
  }
  const auto joining = channel->joining();
  channel->clear_joining();
  for (const auto& uid : joining) {
    if (const auto* player = online_.find(uid)) {
      join(name, uid, client_of(*player), read);
    }
  }
  forget_channel_if_unused(name);
}
