#include <string>
#include <utility>
#include <vector>

#include "../tokens/uid.hpp"
#include "social.hpp"

using namespace std::chrono_literals;

namespace {

constexpr int most_waiting_of_client = 100;
constexpr std::size_t most_spent = 100'000;
constexpr auto spent_period = 10s;
constexpr std::size_t most_gone = 100'000;

}  // namespace

using cellmesh::Client;
using cellmesh::Sender;
using cellmesh::ServiceId;
using cellmesh::Status;

Status Social::on(const proto::OnlineREQ& req, Sender from) {
  const auto agent = directory().get(from.id());
  if (!agent || agent->kind != "agent") return Status::refused;
  auto& row = agents_[from.id()];
  if (req.begins()) row.set_round(row.round() + 1);
  for (const auto& entry : req.entries()) enter(entry, from.id(), req.again());
  if (req.all()) drop_all_of(from.id(), row.round());
  return Status::ok;
}

Status Social::on(const proto::OfflineREQ& req, Sender from) {
  for (const auto& entry : req.entries()) {
    const Client client(from.id(), static_cast<std::uint64_t>(entry.session()));
    if (const auto* known = clients_.find(client)) leave(std::string(known->uid()), false);
  }
  return Status::ok;
}

void Social::on(const proto::WhereREQ& req, Sender from) {
  proto::WhereACK ack;
  if (const auto* player = online_.find(req.uid())) {
    ack.set_agent(directory().name(ServiceId(player->agent())));
    ack.set_session(static_cast<std::int64_t>(player->session()));
  }
  from.reply(ack);
}

void Social::on_client_closed(Client client, cellmesh::CloseReason /*reason*/) {
  waiting_.erase(client);
  if (const auto* known = clients_.find(client)) leave(std::string(known->uid()), false);
}

void Social::enter(const proto::OnlineREQ::Entry& entry, ServiceId agent, bool again) {
  const Client client(agent, static_cast<std::uint64_t>(entry.session()));
  if (!tokens::is_uid(entry.uid())) {
    log().warn("{} told of a uid that is none", directory().name(agent));
    return;
  }
  const auto* known = clients_.find(client);
  if (known != nullptr && known->uid() != entry.uid()) leave(std::string(known->uid()), false);
  bool shown = false;
  if (const auto* there = online_.find(entry.uid()); there != nullptr && client_of(*there) != client) {
    const Client other = client_of(*there);
    // Of the same moment the same one stays, whoever is told of first.
    const bool newer = !again || entry.entered_at_ms() > there->entered_at_ms() ||
                       (entry.entered_at_ms() == there->entered_at_ms() &&
                        std::pair(directory().name(agent), client.session()) >
                            std::pair(directory().name(other.agent()), other.session()));
    replace(newer ? other : client);
    if (!newer) return handle_waiting(client);
    shown = there->shown();
    leave(entry.uid(), true);
  }
  const auto* row = agents_.find(agent);
  const bool is_new = !online_.contains(entry.uid());
  auto& player = online_[entry.uid()];
  if (shown) player.set_shown(true);
  if (auto* before = spent_.edit(entry.uid())) {
    player.mutable_chat()->Swap(before->mutable_chat());
    player.mutable_requests()->Swap(before->mutable_requests());
    spent_.erase(entry.uid());
  }
  player.set_agent(agent.handle());
  player.set_session(client.session());
  player.set_entered_at_ms(entry.entered_at_ms());
  player.set_round(row != nullptr ? row->round() : 0);
  clients_[client].set_uid(entry.uid());
  set_channels(entry.uid(), entry.channels());
  gone_.erase(entry.uid());
  report_load_soon();
  if (leads()) {
    records_[entry.uid()];
    run(entry.uid());
    handle_waiting(client);
  } else if (is_new && hears_leader()) {
    online_.edit(entry.uid())->set_shown(true);  // by the one that leads
  }
}

// Its client is gone; or another one took its place.
void Social::leave(const std::string& uid, bool comes_back) {
  const auto* player = online_.find(uid);
  if (player == nullptr) return;
  for (const auto& name : player->channels()) leave_channel(name, uid);
  if (auto* record = records_.edit(uid); record != nullptr && record->begun()) {
    record->set_begun(false);
    watch(uid, record->data(), false);
  }
  if (player->shown() && !comes_back) {
    show(uid, false);
    if (!leads() && gone_.size() < most_gone) gone_[uid].set_at_ms(now().count());
  }
  if (spent(*player) && spent_.size() < most_spent) {
    auto& kept = spent_[uid];
    *kept.mutable_chat() = player->chat();
    *kept.mutable_requests() = player->requests();
    if (!spent_timer_) spent_timer_ = after<&Social::forget_spent>(spent_period);
  }
  clients_.erase(client_of(*player));
  online_.erase(uid);
  if (!comes_back) forget_record_if_unused(uid);
  report_load_soon();
}

void Social::forget_spent() {
  spent_timer_ = {};
  std::vector<std::string> full;
  spent_.for_each([&](const std::string& uid, const proto::SocialSpent& row) {
    if (!spent(row)) full.push_back(uid);
  });
  for (const auto& uid : full) spent_.erase(uid);
  if (spent_.size() > 0) spent_timer_ = after<&Social::forget_spent>(spent_period);
}

// Those of an agent; only those that it did not tell of in its round, if one is given.
void Social::drop_all_of(ServiceId agent, std::optional<std::uint64_t> but_of_round) {
  std::vector<std::string> gone;
  online_.for_each([&](const std::string& uid, const Player& player) {
    if (player.agent() == agent.handle() && player.round() != but_of_round) gone.push_back(uid);
  });
  for (const auto& uid : gone) leave(uid, false);
}

// The same uid is online elsewhere, and newer.
void Social::replace(Client older) {
  proto::CloseClientACK close;
  close.add_id(static_cast<std::int64_t>(older.session()));
  close.set_replaced(true);
  send(older.agent(), close);
  replaced_.add();
}

bool Social::keep(Client client, std::uint32_t id, const std::string& body) {
  if (!waiting_.contains(client) && waiting_.size() >= settings().max_waiting()) return false;
  auto& waiting = waiting_[client];
  if (waiting.messages_size() >= most_waiting_of_client) return false;
  auto& added = *waiting.add_messages();
  added.set_id(id);
  added.set_body(body);
  return true;
}

bool Social::wait_for_uid(Client client, std::uint32_t id, const std::string& body) {
  const bool asked = waiting_.contains(client);
  if (!keep(client, id, body)) return false;
  if (asked || ask_who_is(client)) return true;
  waiting_.erase(client);
  return false;
}

bool Social::ask_who_is(Client client) {
  proto::WhoIsREQ req;
  req.set_id(static_cast<std::int64_t>(client.session()));
  return call<&Social::on_who_is>(client.agent(), req, client) == Status::ok;
}

void Social::on_who_is(const proto::WhoIsACK& ack, Status status, Client client) {
  if (!waiting_.contains(client)) return;  // its agent told by itself
  if (status != Status::ok || ack.uid().empty()) return handle_waiting(client);
  proto::OnlineREQ::Entry entry;
  entry.set_uid(ack.uid());
  entry.set_session(static_cast<std::int64_t>(client.session()));
  entry.set_entered_at_ms(ack.entered_at_ms());
  *entry.mutable_channels() = ack.channels();
  enter(entry, client.agent(), true);
}

// What a client sent before it was known whose it is. Or whose it is will not be known.
void Social::handle_waiting(Client client) {
  const auto* found = waiting_.find(client);
  if (found == nullptr) return;
  if (!leads()) return forward(client);
  const proto::SocialWaiting waiting = *found;
  waiting_.erase(client);
  for (const auto& one : waiting.messages()) {
    parse(one.id(), one.body(), [&](const auto& message) {
      if (const auto* known = clients_.find(client)) {
        take(message, std::string(known->uid()), client);
      } else {
        refuse(message, client, proto::NotInGame, "your agent does not know you; enter anew");
      }
    });
  }
}

// To the leader, if there is one.
void Social::forward(Client client) {
  const auto* waiting = waiting_.find(client);
  if (waiting == nullptr || !hears_leader()) return;
  proto::ForwardREQ req;
  req.set_agent(directory().name(client.agent()));
  req.set_session(static_cast<std::int64_t>(client.session()));
  for (const auto& message : waiting->messages()) {
    req.set_msg_id(message.id());
    req.set_body(message.body());
    if (send(ServiceId(state_.leader()), req) != Status::ok) return;  // lost, and said again
  }
  waiting_.erase(client);
}

void Social::forget_gone(std::chrono::milliseconds after) {
  std::vector<std::string> over;
  gone_.for_each([&](const std::string& uid, const proto::SocialGone& row) {
    if (since(row.at_ms()) >= after) over.push_back(uid);
  });
  for (const auto& uid : over) gone_.erase(uid);
}
