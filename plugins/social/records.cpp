#include <algorithm>
#include <string>
#include <utility>

#include "social.hpp"
#include "stored.hpp"

using namespace std::chrono_literals;
using cellmesh::Client;
using cellmesh::Status;

namespace {

constexpr int most_tasks = 64;                 // of one record
constexpr std::size_t most_records = 100'000;  // besides those of who is online
constexpr std::uint32_t most_tries = 3;        // of a task that somebody else's writes came before
constexpr auto late_pause = 50ms;              // between two batches
constexpr int late_batch = 500;

}  // namespace

bool Social::add_task(const std::string& uid, Task task) {
  auto* record = records_.edit(uid);
  if (record == nullptr) {
    if (!online_.contains(uid) && records_.size() >= online_.size() + most_records) return false;
    record = &records_[uid];
  }
  if (record->tasks_size() >= most_tasks) return false;
  *record->add_tasks() = std::move(task);
  return true;
}

void Social::run(const std::string& uid) {
  for (;;) {
    auto* record = records_.edit(uid);
    if (record == nullptr || record->busy()) return;
    const bool to_begin = online_.contains(uid) && !record->begun();
    const bool to_read = record->begun() && !record->loaded();  // whom it blocked is not certain
    if (record->tasks().empty() && !to_begin && !to_read) {
      if (social::mail_waits(*record)) try_late_soon();
      return forget_record_if_unused(uid);
    }
    if (!record->loaded()) {
      if (load_record(uid, *record)) return;
      fail_all(uid, *record);
      return forget_record_if_unused(uid);
    }
    if (to_begin) {
      begin_session(uid, *record);
      continue;
    }
    if (step(uid, *record) == Step::waits) return;
    record = records_.edit(uid);
    record->mutable_tasks()->DeleteSubrange(0, 1);
    record->set_tries(0);
    record->set_written(false);
  }
}

Social::Step Social::step(const std::string& uid, Record& record) {
  const Task task = record.tasks(0);
  switch (task.kind()) {
    case Task::SendOn:
      return send_on(uid, record, task);
    case Task::Say:
      return say(uid, record, task);
    case Task::Friend:
      return change_friends(uid, record, task);
    case Task::EmptyMailbox:
      return empty_mailbox(uid, record, task);
    case Task::Create:
      return record.version() == 0 ? store(uid, record, record.data()) : Step::done;
    default:
      return Step::done;
  }
}

bool Social::load_record(const std::string& uid, Record& record) {
  const auto data = directory().pick("data");
  if (!data || call<&Social::on_record_loaded>(data, social::load_player(uid), uid) != Status::ok) return false;
  record.set_busy(true);
  return true;
}

void Social::on_record_loaded(const proto::LoadDataACK& ack, Status status, const std::string& uid) {
  auto* record = records_.edit(uid);
  if (record == nullptr || !record->busy()) return;
  record->set_busy(false);
  proto::SocialData data;
  if (status != Status::ok || ack.result() != proto::DataOk || ack.rows_size() != 3 ||
      !data.ParseFromString(ack.rows(0).value())) {
    log().debug("the record of {} cannot be read: {} {}", uid, status, ack.text());
    fail_all(uid, *record);
    return forget_record_if_unused(uid);
  }
  if (record->begun()) follow(uid, record->data(), data);
  *record->mutable_data() = std::move(data);
  record->set_loaded(true);
  record->set_version(ack.rows(0).version());
  record->set_known(social::any_row(ack));
  for (const auto& mail : record->data().mail()) seen_id(mail.said().id());
  run(uid);
}

Social::Step Social::store(const std::string& uid, Record& record, const proto::SocialData& next) {
  proto::SaveDataREQ req;
  auto& write = *req.add_writes();
  *write.mutable_key() = social::player_key(uid);
  write.set_version(record.version());
  write.set_value(next.SerializeAsString());
  const auto data = directory().pick("data");
  if (!data || call<&Social::on_record_stored>(data, req, uid) != Status::ok) {
    failed_.add();
    fail(record, proto::DataUnavailable, "nothing can be stored now, try again", retry_ms);
    return Step::done;
  }
  *record.mutable_next() = next;
  record.set_busy(true);
  return Step::waits;
}

void Social::on_record_stored(const proto::SaveDataACK& ack, Status status, const std::string& uid) {
  auto* record = records_.edit(uid);
  if (record == nullptr || !record->busy()) return;
  record->set_busy(false);
  if (status == Status::ok && ack.result() == proto::DataOk && ack.versions_size() == 1) {
    *record->mutable_data() = record->next();
    record->clear_next();
    record->set_version(ack.versions(0));
    record->set_known(true);
    record->set_written(true);
    return run(uid);
  }
  // What is stored is not known any more: it is read before anything else is done.
  record->clear_next();
  record->set_loaded(false);
  record->set_tries(record->tries() + 1);
  const bool again = status == Status::ok && ack.result() == proto::DataConflict && record->tries() < most_tries;
  if (!again) {
    failed_.add();
    log().debug("the record of {} cannot be stored: {} {}", uid, status, ack.text());
    fail(*record, proto::DataUnavailable, "it is not certain that it was stored, try again", retry_ms);
    record->mutable_tasks()->DeleteSubrange(0, 1);
    record->set_tries(0);
  }
  run(uid);
}

void Social::fail(Record& record, proto::ResultCode why, const std::string& text, std::uint32_t retry_after_ms) {
  const auto& task = record.tasks(0);
  if (task.kind() == Task::Friend) refuse(task.friend_(), client_of(task), why, text, retry_after_ms);
  if (task.kind() == Task::Say || task.kind() == Task::SendOn) {
    refuse(task.chat(), client_of(task), why, text, retry_after_ms);
  }
  if (task.kind() == Task::EmptyMailbox) try_late_soon();
}

// It cannot be read: everybody who waits for it is told.
void Social::fail_all(const std::string& uid, Record& record) {
  failed_.add();
  while (record.tasks_size() > 0) {
    fail(record, proto::DataUnavailable, "friends, blocks and messages that wait cannot be read now, try again",
         retry_ms);
    record.mutable_tasks()->DeleteSubrange(0, 1);
  }
  if (online_.contains(uid)) try_late_soon();
}

void Social::forget_record_if_unused(const std::string& uid) {
  const auto* record = records_.find(uid);
  if (record != nullptr && !record->busy() && record->tasks().empty() && !online_.contains(uid)) records_.erase(uid);
}

void Social::try_late_soon(std::chrono::milliseconds delay) {
  if (!late_timer_) late_timer_ = after<&Social::try_late>(delay);
}

// Players whose records could not be read when they entered or after a change of an unknown end, or whose mailbox could
// not be sent or emptied.
void Social::try_late() {
  late_timer_ = {};
  if (!leads()) return;
  std::vector<std::string> late;
  records_.for_each([&](const std::string& uid, const Record& record) {
    if (late.size() < late_batch && !record.busy() && online_.contains(uid) &&
        (!record.begun() || !record.loaded() || record.handed() > 0 || social::mail_waits(record))) {
      late.push_back(uid);
    }
  });
  if (late.size() == late_batch) try_late_soon(late_pause);
  if (!late.empty()) try_late_soon();
  for (const auto& uid : late) {
    if (auto& record = *records_.edit(uid); social::mail_waits(record)) static_cast<void>(send_mail(uid, record));
    const auto handed = records_.find(uid)->handed();
    if (handed > 0 && records_.find(uid)->begun() && records_.find(uid)->tasks().empty()) {
      Task task;
      task.set_kind(Task::EmptyMailbox);
      task.set_last_id(handed);
      add_task(uid, std::move(task));
    }
    run(uid);
  }
}
