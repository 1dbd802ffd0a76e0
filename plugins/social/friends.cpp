#include <algorithm>
#include <string>

#include "../tokens/uid.hpp"
#include "social.hpp"
#include "stored.hpp"

using cellmesh::Client;
using cellmesh::Status;
using proto::FriendREQ;
using social::contains;
using social::remove;

void Social::handle(const FriendREQ& req, const std::string& uid, Client client) {
  if (req.what() != FriendREQ::List && !tokens::is_uid(req.uid())) {
    return refuse(req, client, proto::PlayerUnknown, "no uid: 1 to 32 of a-z, A-Z, 0-9, \"-\", \"_\" and \".\"");
  }
  if (req.what() != FriendREQ::List && req.uid() == uid) {
    return refuse(req, client, proto::PlayerUnknown, "that is you");
  }
  Task task;
  task.set_kind(Task::Friend);
  task.set_agent(client.agent().handle());
  task.set_session(client.session());
  *task.mutable_friend_() = req;
  if (!add_task(uid, std::move(task))) {
    return refuse(req, client, proto::TooFast, "too much of yours waits already", retry_ms);
  }
  run(uid);
}

// Once to store the change, and when it is stored once more to tell of it.
Social::Step Social::change_friends(const std::string& uid, Record& record, const Task& task) {
  const FriendREQ& req = task.friend_();
  proto::SocialData next = record.data();
  const bool is_friend = contains(next.friends(), req.uid());
  const bool is_blocked = contains(next.blocked(), req.uid());
  bool changes = false;
  const auto no = [&](proto::ResultCode why, const std::string& text) {
    fail(record, why, text);
    return Step::done;
  };
  if (record.written()) {
    take_effect(uid, task);
  } else if (req.what() == FriendREQ::Add && !is_friend) {
    if (is_blocked) return no(proto::PlayerBlocked, "you blocked that player; unblock it first");
    if (static_cast<std::uint32_t>(next.friends_size()) >= settings().max_friends()) {
      return no(proto::ListFull, cellmesh::format("at most {} friends", settings().max_friends()));
    }
    next.add_friends(req.uid());
    changes = true;
  } else if (req.what() == FriendREQ::Block && !is_blocked) {
    if (static_cast<std::uint32_t>(next.blocked_size()) >= settings().max_blocked()) {
      return no(proto::ListFull, cellmesh::format("at most {} blocked players", settings().max_blocked()));
    }
    remove(*next.mutable_friends(), req.uid());
    next.add_blocked(req.uid());
    changes = true;
  } else if (req.what() == FriendREQ::Remove && is_friend) {
    remove(*next.mutable_friends(), req.uid());
    changes = true;
  } else if (req.what() == FriendREQ::Unblock && is_blocked) {
    remove(*next.mutable_blocked(), req.uid());
    changes = true;
  }
  if (!changes) {
    tell_friends(uid, record, task);
    return Step::done;
  }
  const bool names_somebody_new = req.what() == FriendREQ::Add || req.what() == FriendREQ::Block;
  if (names_somebody_new && !task.checked() && !online_.contains(req.uid())) {
    if (ask_whether_known(uid, record, req.uid())) return Step::waits;
    return no(proto::DataUnavailable, "it cannot be seen now whether there is such a player, try again");
  }
  return store(uid, record, next);
}

bool Social::ask_whether_known(const std::string& uid, Record& record, const std::string& other) {
  const auto data = directory().pick("data");
  if (!data || call<&Social::on_known>(data, social::load_player(other), uid) != Status::ok) return false;
  record.set_busy(true);
  return true;
}

void Social::on_known(const proto::LoadDataACK& ack, Status status, const std::string& uid) {
  auto* record = records_.edit(uid);
  if (record == nullptr || !record->busy()) return;
  record->set_busy(false);
  const bool read = status == Status::ok && ack.result() == proto::DataOk;
  if (read && social::any_row(ack)) {
    record->mutable_tasks(0)->set_checked(true);
    return run(uid);
  }
  fail(*record, read ? proto::PlayerUnknown : proto::DataUnavailable,
       read ? "nobody of that uid was ever here" : "it cannot be seen now whether there is such a player, try again",
       read ? 0 : retry_ms);
  record->mutable_tasks()->DeleteSubrange(0, 1);
  run(uid);
}

void Social::tell_friends(const std::string& uid, const Record& record, const Task& task) {
  auto ack = social::answer_to(task.friend_());
  for (const auto& other : record.data().friends()) {
    auto& presence = *ack.add_friends();
    presence.set_uid(other);
    presence.set_online(visible(other, uid));
  }
  *ack.mutable_blocked() = record.data().blocked();
  clients().send(client_of(task), ack);
}

// What else there is to do for a change that is stored.
void Social::take_effect(const std::string& uid, const Task& task) {
  if (!online_.contains(uid)) return;  // at the next time that it enters
  const std::string& other = task.friend_().uid();
  auto& watchers = watchers_[other];
  const bool shows = contains(watchers_[uid].friends(), other);
  proto::PresenceACK presence;
  presence.set_uid(uid);
  switch (task.friend_().what()) {
    case FriendREQ::Add:
      if (!contains(watchers.friends(), uid)) watchers.add_friends(uid);  // it may have entered anew meanwhile
      break;
    case FriendREQ::Block:
      remove(*watchers.mutable_friends(), uid);
      if (!contains(watchers.blocked_by(), uid)) watchers.add_blocked_by(uid);
      if (shows) clients().send(clients_of(std::vector{other}), presence);
      break;
    case FriendREQ::Remove:
      remove(*watchers.mutable_friends(), uid);
      break;
    case FriendREQ::Unblock:
      remove(*watchers.mutable_blocked_by(), uid);
      presence.set_online(true);
      if (shows) clients().send(clients_of(std::vector{other}), presence);
      break;
    default:
      break;
  }
  forget_watchers_if_none(other);
  forget_watchers_if_none(uid);
}

// That this player is online makes it one of those who befriended or blocked each of its lists; or not any more.
void Social::watch(const std::string& uid, const proto::SocialData& data, bool on) {
  const auto change = [&](auto& list) {
    if (!on) {
      remove(list, uid);
    } else if (!contains(list, uid)) {
      *list.Add() = uid;
    }
  };
  for (const auto& other : data.friends()) {
    change(*watchers_[other].mutable_friends());
    forget_watchers_if_none(other);
  }
  for (const auto& other : data.blocked()) {
    change(*watchers_[other].mutable_blocked_by());
    forget_watchers_if_none(other);
  }
}

// What is stored of a player who is here is not what was known of it: as if it had changed its lists.
void Social::follow(const std::string& uid, const proto::SocialData& before, const proto::SocialData& after) {
  watch(uid, before, false);
  watch(uid, after, true);
  const auto* watchers = watchers_.find(uid);
  if (watchers == nullptr) return;
  proto::PresenceACK presence;
  presence.set_uid(uid);
  for (const auto& who : watchers->friends()) {
    const bool blocked = contains(after.blocked(), who);
    if (blocked == contains(before.blocked(), who)) continue;
    presence.set_online(!blocked);
    clients().send(clients_of(std::vector{who}), presence);
  }
}

void Social::forget_watchers_if_none(const std::string& uid) {
  const auto* watchers = watchers_.find(uid);
  if (watchers != nullptr && watchers->friends().empty() && watchers->blocked_by().empty()) watchers_.erase(uid);
}

// Tells those who befriended this player, whom it did not block.
void Social::show(const std::string& uid, bool online) {
  const auto* watchers = watchers_.find(uid);
  const auto* record = records_.find(uid);
  if (watchers == nullptr || record == nullptr) return;
  std::vector<std::string> told;
  for (const auto& who : watchers->friends()) {
    if (!contains(record->data().blocked(), who)) told.push_back(who);
  }
  proto::PresenceACK presence;
  presence.set_uid(uid);
  presence.set_online(online);
  if (const auto to = clients_of(told); !to.empty()) clients().send(to, presence);
}

// Friends who left while no social service led.
void Social::tell_of_gone(const std::string& uid, const Record& record) {
  proto::PresenceACK presence;
  for (const auto& other : record.data().friends()) {
    if (!gone_.contains(other) || online_.contains(other)) continue;
    presence.set_uid(other);
    clients().send(clients_of(std::vector{uid}), presence);
  }
}

// Whether `to` may see that `uid` is online, and it is.
bool Social::visible(const std::string& uid, const std::string& to) const {
  const auto* record = records_.find(uid);
  return online_.contains(uid) && record != nullptr && record->begun() && !contains(record->data().blocked(), to);
}
