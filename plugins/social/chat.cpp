#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "../clock/since_1970.hpp"
#include "social.hpp"
#include "stored.hpp"

using cellmesh::Client;
using cellmesh::ServiceId;
using social::contains;

namespace {

constexpr std::uint32_t default_who = 100;
constexpr std::uint32_t most_who = 1000;
constexpr const char* too_large = "too long: no message may be so large";

}  // namespace

void Social::handle(const proto::ChatREQ& req, const std::string& uid, Client client) {
  const auto text = social::check_text(req.content(), settings().max_text());
  if (text == proto::TextEmpty) return refuse(req, client, text, "there is nothing to say");
  if (text == proto::TextTooLong) {
    return refuse(req, client, text,
                  cellmesh::format("too long: at most {} characters may be said at once", settings().max_text()));
  }
  if (!req.channel().empty() && !req.to().empty()) {
    return refuse(req, client, proto::BadChannel, "say it to a channel or to a player, not to both");
  }
  if (!req.to().empty()) return say_to_one(req, uid, client);
  if (!req.channel().empty()) return say_to_channel(req, uid, client);
  say_to_all(req, uid, client);
}

// To each agent once; where somebody blocked its author, to the others there by name.
void Social::say_to_all(const proto::ChatREQ& req, const std::string& uid, Client client) {
  Line said;
  *said.mutable_said() = line(req, uid);
  const auto* watchers = watchers_.find(uid);
  std::set<Client> deaf;
  if (watchers != nullptr) {
    for (const Client blocker : clients_of(watchers->blocked_by())) deaf.insert(blocker);
  }
  std::set<ServiceId> mixed;
  for (const Client blocker : deaf) mixed.insert(blocker.agent());
  std::vector<Client> others;
  if (!mixed.empty()) {
    online_.for_each([&](const std::string& /*who*/, const Player& player) {
      const Client other = client_of(player);
      if (mixed.contains(other.agent()) && !deaf.contains(other)) others.push_back(other);
    });
  }
  add_targets(said, others);
  agents_.for_each([&](ServiceId agent, const proto::SocialAgent& /*row*/) {
    if (mixed.contains(agent)) return;
    auto& target = *said.add_targets();
    target.set_agent(directory().name(agent));
    target.set_all(true);
  });
  post_or_refuse(std::move(said), req, client);
}

void Social::say_to_channel(const proto::ChatREQ& req, const std::string& uid, Client client) {
  const std::string& name = req.channel();
  if (!contains(online_.find(uid)->channels(), name)) {
    return refuse(req, client, proto::NotInChannel, "you are not in that channel; join it first");
  }
  Line said;
  *said.mutable_said() = line(req, uid);
  const auto* watchers = watchers_.find(uid);
  std::vector<Client> to;
  to.reserve(static_cast<std::size_t>(channels_.find(name)->members_size()));
  for (const auto& member : channels_.find(name)->members()) {
    if (watchers != nullptr && contains(watchers->blocked_by(), member)) continue;
    if (const auto* player = online_.find(member)) to.push_back(client_of(*player));
  }
  add_targets(said, to);
  const auto kept = said.said();
  if (post_or_refuse(std::move(said), req, client)) remember(channels_[name], kept);
}

bool Social::post_or_refuse(Line line, const proto::ChatREQ& req, Client client) {
  if (line.said().ByteSizeLong() > CM_MAX_CLIENT_BODY) {
    refuse(req, client, proto::TextTooLong, too_large);
  } else if (!room_for(line.said())) {
    refuse(req, client, proto::TooFast, "too much is on its way to the agents", retry_ms);
  } else {
    post(std::move(line), req.request_id(), client);
    return true;
  }
  return false;
}

void Social::done(const std::string& request_id, Client client, std::uint64_t id, const std::string& text) {
  if (!client) return;  // it was said to the leader of before, and who says it again learns how it ended
  proto::ChatDoneACK ack;
  ack.set_request_id(request_id);
  ack.set_id(id);
  ack.set_text(text);
  clients().send(client, ack);
}

proto::ChatACK Social::line(const proto::ChatREQ& req, const std::string& uid) {
  proto::ChatACK said;
  said.set_content(req.content());
  said.set_from(uid);
  said.set_channel(req.channel());
  said.set_to(req.to());
  said.set_id(next_id());
  said.set_sent_at_ms(since_1970::milliseconds());
  said_.add();
  return said;
}

// Microseconds since 1970, or one more than the last: below 2^53, so that JavaScript can count them.
std::uint64_t Social::next_id() {
  seen_id(std::max(state_.last_id() + 1, static_cast<std::uint64_t>(since_1970::milliseconds()) * 1000));
  return state_.last_id();
}

void Social::handle(const proto::WhoREQ& req, const std::string& uid, Client client) {
  std::vector<std::string> all;
  if (req.channel().empty()) {
    online_.for_each([&](const std::string& who, const Player& /*player*/) { all.push_back(who); });
  } else if (contains(online_.find(uid)->channels(), req.channel())) {
    const auto& members = channels_.find(req.channel())->members();
    all.assign(members.begin(), members.end());
  } else {
    return refuse(req, client, proto::NotInChannel, "you are not in that channel; join it first");
  }
  auto ack = social::answer_to(req);
  ack.set_count(static_cast<std::uint32_t>(all.size()));
  const std::size_t limit = req.limit() == 0 ? default_who : std::min(req.limit(), most_who);
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(limit, all.size()));
  std::partial_sort(all.begin(), end, all.end());
  for (auto it = all.begin(); it != end; ++it) ack.add_uid(*it);
  clients().send(client, ack);
}
