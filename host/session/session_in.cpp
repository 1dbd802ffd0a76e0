// A session's way in: from its socket to its services.
#include <algorithm>

#include "session/session_table.hpp"

namespace cm::session {

using net::FrameReader;
using net::Transport;
using routing::Delivery;
using routing::Kind;
using routing::ServiceRef;

namespace {
// A bound service may be lost, and then the one that took its place, while one message is forwarded.
constexpr int kMaxLost = 3;
constexpr std::int64_t kTickMs = 100;
// With its transport and what Asio keeps for it an idle client must stay below 1 KB.
static_assert(sizeof(Session) <= 256);
// `203.0.113.7` of `203.0.113.7:50123`, `2001:db8::7` of `[2001:db8::7]:50123`.
std::string_view without_port(std::string_view peer) {
  peer = peer.substr(0, peer.rfind(':'));
  if (peer.starts_with('[') && peer.ends_with(']')) peer = peer.substr(1, peer.size() - 2);
  return peer;
}

}  // namespace

Session::Session(SessionTable& table, Shard& shard, const Port& port, std::unique_ptr<Transport> transport,
                 std::uint64_t number)
    : table_(table),
      shard_(shard),
      port_(port),
      transport_(std::move(transport)),
      opened_(table.clock()),
      heard_(table.clock()),
      protocol_(shard.protocol) {
  state_.id = {shard.frontend->owner, number};
  shard_.frontend->entered();
  transport_->attach(*this);
}

Session::~Session() {
  reader_.release(table_.pool());
  outbox_.release(table_.pool());
  shard_.frontend->left();
}

void Session::resume() {
  if (phase_ != Phase::open || parsing_ || waiting_) return;
  if (!announced_ && !announce()) return;
  if (reader_.kept() != 0 && !state_.held) {
    parsing_ = true;
    const auto status =
        reader_.resume(table_.pool(), max_body(), [this](std::uint16_t id, auto body) { return take(id, body); });
    parsed(status);
  }
  arm_read();
}

bool Session::announce() {
  announced_ = true;  // before: its agent may answer before deliver() returns
  const std::string peer = transport_->peer();
  const std::string_view address = without_port(peer);
  switch (table_.router().deliver({.kind = Kind::client_opened,
                                   .status = static_cast<std::int32_t>(port_.transport),
                                   .to = shard_.rules.owner,
                                   .client = state_.id,
                                   .body = std::as_bytes(std::span(address))})) {
    case Delivery::sent:
      return true;
    case Delivery::full:
      announced_ = false;
      wait_for(shard_.rules.owner);
      return false;
    default:
      announced_ = false;
      close(CloseReason::going_down);
      return false;
  }
}

void Session::arm_read() {
  if (phase_ != Phase::open || reading_ || waiting_) return;
  // While it is held it may send so much as one read takes.
  if (state_.held && reader_.kept() != 0) return;
  reading_ = true;
  transport_->wait_read();
}

void Session::on_readable() {
  reading_ = false;
  if (phase_ == Phase::open) {
    read_input();
  } else if (phase_ == Phase::lingering) {
    drain_input();
  }
}

void Session::read_input() {
  const auto window = reader_.begin(table_.pool(), table_.worker().read_buffer(), max_body());
  const Transport::Io io = transport_->read(window.space);
  if (io.bytes != 0) {
    heard_ = table_.clock();
    table_.count().bytes_in.add(io.bytes);
    if (state_.held || waiting_) {
      reader_.keep(table_.pool(), window, io.bytes);
    } else {
      parsing_ = true;
      parsed(reader_.end(table_.pool(), window, io.bytes, max_body(),
                         [this](std::uint16_t id, auto body) { return take(id, body); }));
    }
  }
  switch (io.state) {
    case Transport::State::open:
      return arm_read();
    case Transport::State::end:
      input_ended_ = true;
      return close(CloseReason::by_client);
    case Transport::State::malformed:
      return close(CloseReason::malformed);
    case Transport::State::too_large:
      return close(CloseReason::too_large);
  }
}

// After the notice of a close: what the client still sends must not reset the connection before it has read that.
void Session::drain_input() {
  const Transport::Io io = transport_->read(table_.worker().read_buffer());
  if (io.state != Transport::State::open) return finish();
  reading_ = true;
  transport_->wait_read();
}

void Session::parsed(FrameReader::Status status) {
  parsing_ = false;
  if (phase_ != Phase::open) return;
  if (status == FrameReader::Status::malformed) {
    close(CloseReason::malformed, {}, reader_.next_id(max_body()));
  } else if (status == FrameReader::Status::too_large) {
    close(CloseReason::too_large, {}, reader_.next_id(max_body()));
  }
}

FrameReader::Taken Session::take(std::uint16_t id, std::span<const std::byte> body) {
  if (id == shard_.options.ping_id) pings_ = true;
  Router::Verdict verdict;
  for (int i = 0; i <= kMaxLost; ++i) {
    verdict = table_.router().forward(shard_.rules, state_, id, body);
    if (verdict.what != Router::What::lost) break;
    lose(verdict.service, false);
    if (phase_ != Phase::open) return FrameReader::Taken::yes_and_stop;
  }
  Counters& count = table_.count();
  switch (verdict.what) {
    case Router::What::taken:
      count.messages_in.add();
      if (state_.held) count.held.add();
      break;
    case Router::What::full:
      wait_for(verdict.service);
      return FrameReader::Taken::no;
    case Router::What::blocked:
      count.blocked.add();
      refuse(NoticeCode::message_blocked, CloseReason::blocked, id);
      break;
    case Router::What::not_admitted:
      count.not_admitted.add();
      refuse(NoticeCode::message_not_admitted, CloseReason::not_admitted, id);
      break;
    case Router::What::no_service:
    case Router::What::lost:
      count.no_service.add();
      notify({NoticeCode::no_service, id, table_.names().kind_name(verdict.kind),
              "No service of this kind is up; the message was dropped. Try again later."});
      break;
    case Router::What::refused:
      count.refused.add();
      notify({NoticeCode::message_refused, id, table_.names().kind_name(verdict.kind),
              "The message is larger than its service takes; it was dropped."});
      break;
  }
  return phase_ == Phase::open && !state_.held ? FrameReader::Taken::yes : FrameReader::Taken::yes_and_stop;
}

void Session::refuse(NoticeCode code, CloseReason in_the_end, std::uint16_t id) {
  notify({code,
          id,
          {},
          code == NoticeCode::message_blocked ? "No route allows this message; it was dropped."
                                              : "This message needs a verified client; it was dropped."});
  if (++refused_ >= shard_.options.max_refused) close(in_the_end, {}, id);
}

void Session::wait_for(ServiceRef service) {
  waiting_ = true;
  waits_for_ = service;
  table_.count().paused.add();
  table_.wait_for_room(*this);
}

void Session::retry() {
  waiting_ = false;
  heard_ = table_.clock();  // the silence was not the client's
  resume();
}

void Session::release() {
  if (phase_ != Phase::open || !state_.held) return;
  state_.held = false;
  resume();
}

void Session::services_lost(std::span<const ServiceRef> lost) {
  std::vector<ServiceRef> known;  // losing one changes the list
  state_.peers.for_each([&](const Peers::Peer& peer) {
    if (std::binary_search(lost.begin(), lost.end(), peer.service)) known.push_back(peer.service);
  });
  for (const ServiceRef service : known) lose(service, true);
}

void Session::lose(ServiceRef lost, bool may_return) {
  const Router::Lost was = table_.router().lose(state_, lost, may_return);
  if (!was.was_bound || phase_ != Phase::open) return;
  table_.tell({.kind = Kind::rebound,
               .to = shard_.rules.owner,
               .from = lost,
               .client = state_.id,
               .call = static_cast<std::uint64_t>(was.next),
               .body = {}});
  const std::string old(table_.names().service_id(lost));
  if (was.next == ServiceRef::none) {
    notify({NoticeCode::backend_lost, 0, old, old + " is gone, and no other is there to take its place yet."});
  } else {
    const auto next = table_.names().service_id(was.next);
    notify({NoticeCode::bound_anew, 0, next, old + " is gone; " + std::string(next) + " took its place."});
  }
}

void Session::check_time() {
  if (phase_ != Phase::open) return;
  const auto over = [&](std::uint32_t since, std::uint32_t limit_ms) {
    return limit_ms != 0 && (table_.clock() - since) * kTickMs > limit_ms;
  };
  const routing::FrontendOptions& options = shard_.options;
  // The silence of a client that is not read is not its own.
  if (waiting_ || !reading_ || transport_->heard()) heard_ = table_.clock();
  const std::uint32_t heard = std::max(heard_, table_.awake_since());
  if (over(heard, options.idle_timeout_ms) || (pings_ && over(heard, options.ping_timeout_ms))) {
    return close(CloseReason::idle);
  }
  const std::uint32_t interval = port_.ping_interval_ms.load(std::memory_order_relaxed);
  if (over(heard, interval)) {
    if (pinged_ <= heard) {
      if (transport_->ping()) pinged_ = table_.clock();
    } else if (over(pinged_, interval)) {
      return close(CloseReason::idle);
    }
  }
  if (!state_.admitted && over(opened_, options.admit_timeout_ms)) close(CloseReason::not_admitted);
}

std::int64_t Session::age_ms() const { return (table_.clock() - opened_) * kTickMs; }

}  // namespace cm::session
