#include <algorithm>
#include <functional>
#include <string>

#include "../clock/since_1970.hpp"
#include "../tokens/uid.hpp"
#include "social.hpp"
#include "stored.hpp"

using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;
using social::contains;

namespace {

constexpr std::size_t most_bytes = 200'000;  // of a player's row, below what the data service takes

// Long enough to be said again when it was not certain that it was stored; who counts its requests anew is heard.
constexpr std::int64_t remembered_ms = 60'000;
constexpr int most_remembered = 16;
constexpr std::size_t most_remembered_id = 64;  // bytes
constexpr const char* kept = "kept until that player is back";

bool remembered(const proto::SocialData::Mail& mail) {
  return !mail.request_id().empty() && mail.request_id().size() <= most_remembered_id &&
         mail.said().sent_at_ms() > since_1970::milliseconds() - remembered_ms;
}

// The id of what this player already said under the same request id; 0: nothing.
std::uint64_t said_before(const proto::SocialData& data, const proto::SocialTask& task) {
  const auto same = [&](const auto& mail) {
    return mail.request_id() == task.chat().request_id() && mail.said().from() == task.uid();
  };
  if (task.chat().request_id().empty()) return 0;
  for (const auto& mail : data.mail()) {
    if (same(mail)) return mail.said().id();
  }
  for (const auto& mail : data.handed()) {
    if (same(mail) && remembered(mail)) return mail.said().id();
  }
  return 0;
}

}  // namespace

void Social::say_to_one(const proto::ChatREQ& req, const std::string& uid, Client client) {
  if (!tokens::is_uid(req.to())) return refuse(req, client, proto::PlayerUnknown, "nobody of that uid was ever here");
  if (req.to() == uid) return refuse(req, client, proto::PlayerUnknown, "that is you");
  Task task;
  task.set_kind(Task::SendOn);
  task.set_uid(uid);
  task.set_agent(client.agent().handle());
  task.set_session(client.session());
  *task.mutable_chat() = req;
  if (!add_task(uid, std::move(task))) {
    return refuse(req, client, proto::TooFast, "too much of yours waits already", retry_ms);
  }
  run(uid);
}

// At the sender's record, which tells whom it blocked; then it goes on to the receiver's.
Social::Step Social::send_on(const std::string& uid, Record& record, const Task& task) {
  const std::string to = task.chat().to();
  if (contains(record.data().blocked(), to)) {
    fail(record, proto::PlayerBlocked, "you blocked that player");
    return Step::done;
  }
  Task next = task;
  next.set_kind(Task::Say);
  next.set_uid(uid);
  if (add_task(to, std::move(next))) {
    run(to);
  } else {
    fail(record, proto::TooFast, "too much waits for that player", retry_ms);
  }
  return Step::done;
}

// At the receiver's record: it hears it now, or when it is back. What is said again with the same request id, because
// it was not certain that it was stored, is heard once.
Social::Step Social::say(const std::string& uid, Record& record, const Task& task) {
  const Client sender = client_of(task);
  if (record.written()) {
    kept_.add();
    done(task.chat().request_id(), sender, record.data().mail(record.data().mail_size() - 1).said().id(), kept);
    return Step::done;
  }
  const auto* player = online_.find(uid);
  if (player == nullptr && !record.known()) {
    fail(record, proto::PlayerUnknown, "nobody of that uid was ever here");
    return Step::done;
  }
  if (contains(record.data().blocked(), task.uid())) {
    fail(record, proto::PlayerBlocked, "that player blocked you");
    return Step::done;
  }
  if (const auto id = said_before(record.data(), task); id != 0) {
    done(task.chat().request_id(), sender, id, player == nullptr ? kept : "");
    return Step::done;
  }
  if (said_already(task.chat(), task.uid(), sender)) return Step::done;
  if (player == nullptr || !agents_.contains(ServiceId(player->agent()))) return put_into_mailbox(uid, record, task);
  switch (send_mail(uid, record)) {  // what waits comes first
    case Status::ok:
      return say_now(record, task, client_of(*player));
    case Status::backpressure:
      fail(record, proto::TooFast, "too much is on its way to that player's agent", retry_ms);
      return Step::done;
    default:  // its agent is gone, and we are not told yet
      return put_into_mailbox(uid, record, task);
  }
}

Social::Step Social::say_now(Record& record, const Task& task, Client client) {
  Line said;
  *said.mutable_said() = line(task.chat(), task.uid());
  if (said.said().ByteSizeLong() > CM_MAX_CLIENT_BODY) {
    fail(record, proto::TextTooLong, "too long: no message may be so large");
  } else if (!room_for(said.said())) {
    fail(record, proto::TooFast, "too much is on its way to the agents", retry_ms);
  } else {
    add_targets(said, {client});
    post(std::move(said), task.chat().request_id(), client_of(task));
  }
  return Step::done;
}

Social::Step Social::put_into_mailbox(const std::string& uid, Record& record, const Task& task) {
  proto::SocialData next = record.data();
  const bool full = static_cast<std::uint32_t>(next.mail_size()) >= settings().max_mail();
  auto& mail = *next.add_mail();
  *mail.mutable_said() = line(task.chat(), task.uid());
  mail.mutable_said()->set_old(true);  // as it is sent
  mail.set_request_id(task.chat().request_id());
  if (mail.said().ByteSizeLong() > CM_MAX_CLIENT_BODY) {
    fail(record, proto::TextTooLong, "too long: no message may be so large");
    return Step::done;
  }
  if (full || next.ByteSizeLong() > most_bytes) {
    fail(record, proto::MailboxFull, "as many messages wait for that player as may");
    return Step::done;
  }
  return store(uid, record, next);
}

// A player is here, and what is stored of it is known: those who wait for it are told, and it hears what it missed.
void Social::begin_session(const std::string& uid, Record& record) {
  auto& player = *online_.edit(uid);
  record.set_begun(true);
  watch(uid, record.data(), true);
  if (!player.shown()) {
    player.set_shown(true);
    show(uid, true);
  }
  if (record.version() == 0) {
    Task task;
    task.set_kind(Task::Create);  // so that it is known when it is gone
    add_task(uid, std::move(task));
  }
  tell_of_gone(uid, record);
  record.set_sent(record.handed());
  static_cast<void>(send_mail(uid, record));
}

// What waits for a player who is here. Anything but ok: some of it still does, and is sent later.
Status Social::send_mail(const std::string& uid, Record& record) {
  const Client client = client_of(*online_.find(uid));
  const std::uint64_t before = record.sent();
  Status status = Status::ok;
  for (const auto& mail : record.data().mail()) {
    if (mail.said().id() <= record.sent()) continue;
    auto said = mail.said();
    said.set_old(true);
    status = clients().send(client, said);
    if (status == Status::too_large) status = Status::ok;  // it will never be otherwise: it goes as if it had been sent
    if (status != Status::ok) break;
    record.set_sent(said.id());
  }
  if (record.sent() == before) return status;
  // Its agent answers behind them: when it knows the client then, they were handed over.
  proto::WhoIsREQ req;
  req.set_id(static_cast<std::int64_t>(client.session()));
  static_cast<void>(call<&Social::on_handed_over>(client.agent(), req, uid, record.sent()));
  return status;
}

void Social::on_handed_over(const proto::WhoIsACK& ack, Status status, const std::string& uid, std::uint64_t last_id) {
  if (status != Status::ok || ack.uid() != uid) return;
  Task task;
  task.set_kind(Task::EmptyMailbox);
  task.set_last_id(last_id);
  if (!add_task(uid, std::move(task))) try_late_soon();
  // It may have left meanwhile, and what was known of it is read again.
  if (auto* record = records_.edit(uid)) record->set_handed(last_id);
  run(uid);
}

Social::Step Social::empty_mailbox(const std::string& uid, Record& record, const Task& task) {
  proto::SocialData next = record.data();
  auto& mail = *next.mutable_mail();
  const auto end =
      std::find_if(mail.begin(), mail.end(), [&](const auto& m) { return m.said().id() > task.last_id(); });
  if (record.written() || end == mail.begin()) {
    if (record.handed() <= task.last_id()) record.set_handed(0);
    return Step::done;
  }
  auto& handed = *next.mutable_handed();
  handed.erase(std::remove_if(handed.begin(), handed.end(), std::not_fn(remembered)), handed.end());
  for (auto it = mail.begin(); it != end; ++it) {
    if (!remembered(*it)) continue;
    auto& one = *handed.Add();
    one.set_request_id(it->request_id());
    one.mutable_said()->set_from(it->said().from());
    one.mutable_said()->set_id(it->said().id());
    one.mutable_said()->set_sent_at_ms(it->said().sent_at_ms());
  }
  if (handed.size() > most_remembered) handed.DeleteSubrange(0, handed.size() - most_remembered);
  mail.erase(mail.begin(), end);
  return store(uid, record, next);
}
