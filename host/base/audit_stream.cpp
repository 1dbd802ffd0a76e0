#include "base/audit_stream.hpp"

#include <chrono>
#include <utility>

#include <spdlog/details/log_msg.h>
#include <spdlog/fmt/chrono.h>

namespace cm::base {
namespace {

constexpr std::size_t kMaxKept = std::size_t{4} * 1024 * 1024;
constexpr const char* kRoom = "service";

// As in the log: 2026-01-31T12:00:00.123456Z
std::string now_text() {
  using namespace std::chrono;
  const auto now = system_clock::now();
  const auto seconds = floor<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(system_clock::to_time_t(seconds)),
                     duration_cast<microseconds>(now - seconds).count());
}

}  // namespace

void AuditStream::use(LineFile file) {
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
}

void AuditStream::write(std::string_view record) {
  const std::lock_guard lock(mutex_);
  std::string text(record);
  if (drain() && write_anywhere(text)) return;
  if (kept_bytes_ + text.size() > kMaxKept) {
    ++lost_;
    return;
  }
  kept_bytes_ += text.size();
  kept_.push_back(std::move(text));
}

void AuditStream::reopen() {
  const std::lock_guard lock(mutex_);
  open_again();
}

void AuditStream::retry() {
  const std::lock_guard lock(mutex_);
  if (reopen_again_) open_again();
  (void)drain();
  if (failing_ && file_->finish()) file_works();
}

void AuditStream::open_again() {
  if (!file_) return;
  const auto status = file_->reopen();
  if (!status && !reopen_again_) {
    tell(spdlog::level::err, "cannot reopen the audit file " + file_->path() + ": " + status.error().text +
                                 "; the old one stays in use and it is tried again");
  }
  reopen_again_ = !status;
}

bool AuditStream::write_anywhere(const std::string& record) {
  if (write_to_file(record)) return true;
  if (!write_to_log(record)) return false;
  ++elsewhere_;
  return true;
}

bool AuditStream::write_to_file(const std::string& record) {
  if (!file_) return false;
  const auto done = file_->put(now_text() + " " + record + "\n");
  if (done == LineFile::Put::written) {
    if (failing_) file_works();
    return true;
  }
  if (!failing_) file_fails();
  return false;
}

// Past the levels of the loggers.
bool AuditStream::write_to_log(const std::string& record) {
  if (log_.write_now({kRoom, spdlog::level::info, record})) return true;
  return log_.is_file() && standard_error_.put(now_text() + " " + record + "\n") == LineFile::Put::written;
}

// Returns true when nothing is kept any more.
bool AuditStream::drain() {
  while (!kept_.empty()) {
    if (!write_anywhere(kept_.front())) return false;
    kept_bytes_ -= kept_.front().size();
    kept_.pop_front();
  }
  if (lost_ > 0) {
    tell(spdlog::level::err,
         "audit records were lost, as nothing could be written: records_lost=" + std::to_string(lost_));
    lost_ = 0;
  }
  return true;
}

void AuditStream::file_fails() {
  failing_ = true;
  tell(spdlog::level::err, "cannot write the audit file " + file_->path() + ": " + file_->reason() +
                               "; its records go to the log until it can be written again");
}

void AuditStream::file_works() {
  failing_ = false;
  tell(spdlog::level::warn,
       "the audit file " + file_->path() +
           " can be written again; records that went to the log instead: " + std::to_string(elsewhere_));
  elsewhere_ = 0;
}

// An operator must see this whatever the levels are.
void AuditStream::tell(spdlog::level::level_enum level, const std::string& text) {
  if (log_.write_now({kRoom, level, text}) || !log_.is_file()) return;
  (void)standard_error_.put(now_text() + " " + text + "\n");
}

}  // namespace cm::base
