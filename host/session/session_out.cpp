// A session's way out: from its services to its socket, and its end.
#include "session/session_table.hpp"

namespace cm::session {
namespace {

// From so many bytes on a session writes without waiting for the turn's end, so that a burst takes no memory of its
// own.
constexpr std::size_t kEarlyWrite = 64U << 10U;
// Tenths of a second: for what waits and the notice to be sent; for the client to close its side after that.
constexpr std::uint32_t kFlushTime = 20;
constexpr std::uint32_t kLingerTime = 10;

}  // namespace

void Session::send(std::uint16_t id, std::int32_t since, std::span<const std::byte> body) {
  if (phase_ == Phase::open && knows(since)) append(id, body);
}

bool Session::knows(std::int32_t since) {
  if (since <= protocol_) return true;
  table_.count().too_new.add();
  return false;
}

void Session::set_protocol(std::uint8_t version) { protocol_ = version; }

void Session::admit() {
  if (phase_ != Phase::open || state_.admitted) return;
  table_.admitted(*this);
  state_.admitted = true;
}

void Session::bind(routing::KindRef kind, routing::ServiceRef service) {
  if (phase_ == Phase::open) state_.peers.bind(kind, service);
}

void Session::unbind(routing::KindRef kind) {
  if (phase_ == Phase::open) state_.peers.unbind(kind);
}

void Session::notify(const Notice& notice) {
  if (phase_ != Phase::open || !knows(kNoticeSince)) return;
  NoticeBody body;
  append(kNoticeId, encode_notice(notice, body));
}

void Session::append(std::uint16_t id, std::span<const std::byte> body) {
  const auto over_limit = [&] {
    // An empty outbox takes any one message: a small limit must not block a large message for ever.
    return !outbox_.empty() && outbox_.size() + net::kFrameHeader + body.size() > shard_.options.outbox_limit;
  };
  if (over_limit()) {
    write();
    if (phase_ != Phase::open) return;
    if (over_limit()) {
      table_.count().dropped.add(outbox_.drop() + 1);
      return close(CloseReason::too_slow);
    }
  }
  outbox_.append(table_.pool(), id, body);
  table_.count().messages_out.add();
  if (writing_) return;
  if (outbox_.size() >= kEarlyWrite) {
    write();
  } else {
    table_.mark_dirty(*this);
  }
}

void Session::close(CloseReason reason, std::string_view text, std::uint16_t msg_id) {
  if (phase_ != Phase::open) return;
  // Who is not admitted may not have stated its version yet, and is told: the connection ends with it anyway.
  if (is_told(reason) && (!state_.admitted || knows(kNoticeSince))) {
    NoticeBody body;
    const Notice notice{notice_code(reason), msg_id, {}, text.empty() ? default_text(reason) : text};
    outbox_.append(table_.pool(), kNoticeId, encode_notice(notice, body));
    table_.count().messages_out.add();
  }
  ended(reason);
  table_.mark_dirty(*this);
}

void Session::ended(CloseReason reason) {
  phase_ = Phase::flushing;
  reason_ = reason;
  deadline_ = table_.clock() + kFlushTime;
  table_.ended(*this);
  waiting_ = false;
}

void Session::flush() {
  if (phase_ == Phase::dead) return;
  if (phase_ != Phase::open) reader_.release(table_.pool());
  write();
}

void Session::on_writable() {
  writing_ = false;
  pinged_ = 0;  // its machine takes bytes: a ping may have waited behind them, and is due anew
  write();
}

void Session::write() {
  if (writing_ || phase_ == Phase::lingering || phase_ == Phase::dead) return;
  if (!outbox_.empty()) {
    const net::Transport::Io io = transport_->write(outbox_.unsent());
    if (io.bytes != 0) {
      table_.count().bytes_out.add(io.bytes);
      outbox_.sent(table_.pool(), io.bytes);
    }
    if (io.state != net::Transport::State::open) {
      if (phase_ == Phase::open) ended(CloseReason::by_client);
      return finish();
    }
    if (!outbox_.empty()) {
      writing_ = true;
      transport_->wait_write();
      return;
    }
  }
  if (phase_ == Phase::flushing) half_close();
}

void Session::half_close() {
  if (input_ended_) return finish();
  phase_ = Phase::lingering;
  deadline_ = table_.clock() + kLingerTime;
  transport_->shutdown_write(close_code(reason_));
  if (reading_) return;
  reading_ = true;
  transport_->wait_read();
}

void Session::check_deadline(bool at_once) {
  if (phase_ != Phase::flushing && phase_ != Phase::lingering) return;
  if (at_once || table_.clock() >= deadline_) finish();
}

void Session::finish() {
  phase_ = Phase::dead;
  transport_->close();
  table_.dead(*this, !transport_->busy());
}

void Session::on_released() { table_.free(*this); }

}  // namespace cm::session
