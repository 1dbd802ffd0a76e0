#include <algorithm>
#include <chrono>

#include "../clock/since_1970.hpp"
#include "login.hpp"

using cellmesh::Status;
using namespace std::chrono_literals;

namespace {

constexpr auto data_timeout = 5s;

proto::DataKey account_key(const std::string& uid) {
  proto::DataKey key;
  key.set_table("accounts");
  key.set_key(uid);
  return key;
}

}  // namespace

Status Login::load_account(const Visitor& visitor, const proto::LoginAttempt& attempt) {
  proto::LoadDataREQ req;
  *req.add_keys() = account_key(attempt.uid());
  const cellmesh::CallOptions options{.client = {}, .timeout = data_timeout};
  const auto data = directory().pick("data");
  return data ? call<&Login::on_account>(options, data, req, visitor, attempt) : Status::unavailable;
}

void Login::on_account(const proto::LoadDataACK& ack, Status status, Visitor visitor,
                       const proto::LoginAttempt& attempt) {
  proto::Account account;
  if (status == Status::ok && (ack.result() != proto::DataOk || ack.rows_size() != 1)) status = Status::unavailable;
  const bool known = status == Status::ok && ack.rows(0).version() != 0;
  if (known && !account.ParseFromString(ack.rows(0).value())) {
    log().error("the account {} cannot be read", attempt.uid());
    status = Status::unavailable;
  }
  password_.on_account(known ? &account : nullptr, status, visitor, attempt);
}

Status Login::hash(const Visitor& visitor, const proto::LoginAttempt& attempt, const proto::HashWork& work) {
  if (hashes_ >= settings().max_hashes()) return Status::backpressure;
  const Status status = offload<&login::hash_secret, &Login::on_hashed>(work, visitor, attempt);
  if (status == Status::ok) ++hashes_;
  return status;
}

void Login::on_hashed(const proto::HashDone& done, Status status, Visitor visitor, const proto::LoginAttempt& attempt) {
  --hashes_;
  password_.on_hashed(done, status, visitor, attempt);
}

Status Login::create_account(const Visitor& visitor, const proto::LoginAttempt& attempt,
                             const proto::Account& account) {
  proto::Account row = account;
  row.set_created_at(since_1970::seconds());
  proto::SaveDataREQ req;
  auto& write = *req.add_writes();
  *write.mutable_key() = account_key(attempt.uid());
  write.set_value(row.SerializeAsString());
  const cellmesh::CallOptions options{.client = {}, .timeout = data_timeout};
  const auto data = directory().pick("data");
  return data ? call<&Login::on_created>(options, data, req, visitor, attempt) : Status::unavailable;
}

void Login::on_created(const proto::SaveDataACK& ack, Status status, Visitor visitor,
                       const proto::LoginAttempt& attempt) {
  using Created = login::PasswordPlatform::Created;
  const bool known = status == Status::ok && (ack.result() == proto::DataOk || ack.result() == proto::DataConflict);
  const Created created = ack.result() == proto::DataOk ? Created::yes : Created::exists;
  password_.on_created(known ? created : Created::unknown, visitor, attempt);
}

login::Attempts<Login>::Terms Login::account_terms() const {
  return {settings().free_attempts(), settings().lockout_attempts(), std::int64_t{settings().lockout_sec()} * 1000};
}

login::Attempts<Login>::Terms Login::address_terms() const {
  return {settings().address_attempts(), 2 * settings().address_attempts(),
          std::int64_t{settings().lockout_sec()} * 1000};
}

std::chrono::milliseconds Login::begin(const std::string& uid, const std::string& address) {
  const std::int64_t time = now().count();
  const auto wait =
      std::max(by_account_.wait(uid, time, account_terms()), by_address_.wait(address, time, address_terms()));
  if (wait > 0) {
    counter("logins_held_back").add();
    return std::chrono::milliseconds(wait);
  }
  by_account_.begin(uid, time, account_terms());
  by_address_.begin(address, time, address_terms());
  return {};
}

void Login::succeeded(const std::string& uid, const std::string& address) {
  by_account_.clear(uid);
  by_address_.take_back(address);
}

void Login::take_back(const std::string& uid, const std::string& address) {
  by_account_.take_back(uid);
  by_address_.take_back(address);
}
