#include "session/session_table.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.hpp"

namespace cm::session {
namespace {

using routing::Delivery;
using routing::Envelope;
using routing::Kind;
using routing::ServiceRef;

constexpr std::size_t kQueue = 8U << 20U;  // bytes; past it put() answers `full` to messages
// The queue's own limits lie beyond, so that a message to the sessions of several workers is taken by all or by none.
constexpr routing::EnvelopeQueue::Limits kQueueLimits{32U << 20U, 48U << 20U};
constexpr std::size_t kTurn = 2U << 20U;  // cost of the queued envelopes done in one turn; see handle()
constexpr std::size_t kMaxUntold = 65'536;
// Clients that are told that the gateway is full, at a time; others are just closed.
constexpr std::size_t kMaxClosing = 4096;
constexpr std::int64_t kTickMs = 100;
constexpr std::uint32_t kSweep = 10;  // ticks
constexpr std::uint32_t kUnlisted = std::numeric_limits<std::uint32_t>::max();

bool contains(const std::vector<ServiceRef>& refs, ServiceRef ref) {
  return std::find(refs.begin(), refs.end(), ref) != refs.end();
}

}  // namespace

SessionTable::SessionTable(net::IoWorker& worker, routing::Registry& registry, const routing::Routes& routes,
                           std::uint32_t boot)
    : worker_(worker),
      registry_(registry),
      prefix_(static_cast<std::uint64_t>(boot) << SessionNumber::kBootShift | static_cast<std::uint64_t>(worker.index())
                                                                                  << SessionNumber::kWorkerShift),
      router_(std::in_place, registry, routes),
      started_ms_(worker.now_ms()),
      queue_(kQueueLimits) {}

SessionTable::~SessionTable() { sessions_.clear(); }

// --- any thread ---

Delivery SessionTable::put(const Envelope& envelope) {
  if (worker_.on_this_thread()) {
    handle(envelope);
    return Delivery::sent;
  }
  const auto put = queue_.put(envelope);
  if (put.was_empty) worker_.wake(shared_from_this());
  return put.delivery;
}

bool SessionTable::is_full() {
  if (worker_.on_this_thread() || queue_.size_bytes() <= kQueue) return false;
  refused_.store(true, std::memory_order_release);
  worker_.wake(shared_from_this());  // it may have emptied the queue meanwhile
  return true;
}

void SessionTable::services_lost(std::span<const ServiceRef> services) {
  {
    const std::lock_guard lock(mutex_);
    lost_.insert(lost_.end(), services.begin(), services.end());
  }
  worker_.wake(shared_from_this());
}

void SessionTable::room() {
  room_.store(true, std::memory_order_release);
  worker_.wake(shared_from_this());
}

// --- worker ---

void SessionTable::on_wake() {
  drain(kTurn);
  rebind_lost();
  if (room_.exchange(false, std::memory_order_acq_rel)) {
    retry_told();
    retry_waiting();
  }
}

// What a turn leaves of the queue is the next turn's.
void SessionTable::flush() {
  if (!batch_.empty() || queue_.size_bytes() != 0) worker_.wake(shared_from_this());
}

void SessionTable::drain(std::size_t budget) {
  std::size_t spent = 0;
  while (spent < budget) {
    if (batch_.empty()) queue_.take(batch_);
    if (batch_.empty()) break;
    batch_.for_each([&](const Envelope& envelope) {
      spent += handle(envelope);
      return spent < budget;
    });
  }
  if (!batch_.empty() || queue_.size_bytes() != 0) worker_.mark_dirty(*this, net::IoWorker::FlushOrder::session);
  if (queue_.size_bytes() <= kQueue && refused_.exchange(false, std::memory_order_acq_rel)) {
    registry_.notify_room(ServiceRef::none);
  }
}

void SessionTable::add(const std::shared_ptr<Frontend>& frontend, const routing::FrontendOptions& options) {
  auto shard = std::make_unique<Shard>();
  shard->frontend = frontend;
  shard->options = options;
  shard->rules.owner = frontend->owner;
  shard->rules.owner_kind = frontend->kind;
  shard->rules.routes = frontend->routes;
  shards_.push_back(std::move(shard));
}

void SessionTable::update(ServiceRef owner, const routing::FrontendOptions& options) {
  if (Shard* shard = find(owner)) shard->options = options;
}

void SessionTable::intercept(ServiceRef owner, std::uint16_t msg_id) {
  Shard* shard = find(owner);
  if (shard != nullptr && !shard->rules.intercepts(msg_id)) shard->rules.intercepted.push_back(msg_id);
}

void SessionTable::set_protocol(ServiceRef owner, std::uint8_t version) {
  if (Shard* shard = find(owner); shard != nullptr) shard->protocol = version;
}

void SessionTable::enter(const std::shared_ptr<Frontend>& frontend, Port& port, net::Fd socket, bool full) {
  const Shard* shard = find(frontend->owner);
  if (shard == nullptr || shard->frontend != frontend) {
    port.handshakes.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  entrance_.admit(frontend, port, std::move(socket), full);
}

std::unique_ptr<net::Transport> SessionTable::adopt(const std::shared_ptr<Frontend>& frontend, const Port& port,
                                                    std::unique_ptr<net::Transport> transport, bool full) {
  Shard* shard = find(frontend->owner);
  const bool wanted = shard != nullptr && shard->frontend == frontend && !frontend->closed;
  if (!wanted || (full && closing_.size() >= kMaxClosing)) {
    if (!full) frontend->clients.fetch_sub(1, std::memory_order_relaxed);
    return transport;
  }
  do {
    ++next_;
  } while (next_ == 0 || sessions_.contains(next_));
  auto made = std::make_unique<Session>(*this, *shard, port, std::move(transport), prefix_ | next_);
  Session& session = *made;
  sessions_.emplace(next_, std::move(made));
  if (full) {
    session.index = kUnlisted;
    session.close(CloseReason::full);
    return nullptr;
  }
  counters_.accepted.add();
  session.index = static_cast<std::uint32_t>(shard->sessions.size());
  shard->sessions.push_back(&session);
  session.start();
  return nullptr;
}

void SessionTable::close_all(ServiceRef owner, CloseReason reason, std::string_view text) {
  drain(std::numeric_limits<std::size_t>::max());
  Shard* shard = find(owner);
  if (shard == nullptr) return;
  entrance_.close_all(*shard->frontend);
  while (!shard->sessions.empty()) shard->sessions.back()->close(reason, text);
}

void SessionTable::abort_all(ServiceRef owner) {
  for (std::size_t i = closing_.size(); i-- > 0;) {
    if (closing_[i]->id().agent == owner) closing_[i]->check_deadline(true);
  }
}

void SessionTable::remove(const Frontend& frontend) {
  std::erase_if(shards_, [&](const auto& shard) { return shard->frontend.get() == &frontend; });
}

void SessionTable::stop() {
  untold_.clear();
  router_.reset();  // its view of the registry holds destinations, and these hold this table
}

void SessionTable::overslept(std::int64_t now_ms) {
  set_clock(now_ms);
  awake_ = clock_;
}

void SessionTable::set_clock(std::int64_t now_ms) {
  const std::int64_t ticks = (now_ms - started_ms_) / kTickMs;
  if (ticks > clock_) clock_ = static_cast<std::uint32_t>(ticks);
}

void SessionTable::tick(std::int64_t now_ms) {
  set_clock(now_ms);
  retry_told();
  retry_waiting();
  entrance_.tick();
  // Backwards: who ends makes room for one from behind, which was looked at.
  for (std::size_t i = closing_.size(); i-- > 0;) closing_[i]->check_deadline();
  if (clock_ - swept_ < kSweep) return;
  swept_ = clock_;
  for (const auto& shard : shards_) {
    for (std::size_t i = shard->sessions.size(); i-- > 0;) shard->sessions[i]->check_time();
  }
}

void SessionTable::list(ServiceRef owner, std::size_t limit, std::vector<ClientRow>& into) {
  const Shard* shard = find(owner);
  if (shard == nullptr) return;
  for (const Session* session : shard->sessions) {
    if (into.size() >= limit) return;
    ClientRow row{session->id(),     session->peer(),  std::string(session->transport()), session->admitted(), {},
                  session->queued(), session->age_ms()};
    session->peers().for_each([&](const Peers::Peer& peer) {
      if (peer.bound) row.bindings.emplace_back(names().service_id(peer.service));
    });
    into.push_back(std::move(row));
  }
}

// --- its sessions ---

void SessionTable::admitted(Session& session) {
  Shard& shard = session.shard();
  Session* other = shard.sessions[shard.admitted];
  std::swap(shard.sessions[session.index], shard.sessions[shard.admitted]);
  std::swap(session.index, other->index);
  ++shard.admitted;
  shard.frontend->admitted.fetch_add(1, std::memory_order_relaxed);
}

void SessionTable::ended(Session& session) {
  counters_.closed[static_cast<std::size_t>(session.reason())].add();
  if (session.waiting()) std::erase(waiting_, &session);

  Shard& shard = session.shard();
  if (session.index != kUnlisted) {
    auto& list = shard.sessions;
    std::size_t hole = session.index;
    const auto fill_from = [&](std::size_t i) {
      if (i == hole) return;
      list[hole] = list[i];
      list[hole]->index = static_cast<std::uint32_t>(hole);
      hole = i;
    };
    if (session.admitted()) {
      fill_from(--shard.admitted);
      shard.frontend->admitted.fetch_sub(1, std::memory_order_relaxed);
    }
    fill_from(list.size() - 1);
    list.pop_back();
    shard.frontend->clients.fetch_sub(1, std::memory_order_relaxed);
  }
  session.index = static_cast<std::uint32_t>(closing_.size());
  closing_.push_back(&session);

  if (!session.announced()) return;
  Envelope end{.kind = Kind::client_closed,
               .status = static_cast<std::int32_t>(session.reason()),
               .to = shard.rules.owner,
               .client = session.id(),
               .body = {}};
  tell(end);
  session.peers().for_each([&](const Peers::Peer& peer) {
    if (peer.service == shard.rules.owner) return;
    end.to = peer.service;
    tell(end);
  });
}

void SessionTable::dead(Session& session, bool idle) {
  closing_[session.index] = closing_.back();
  closing_[session.index]->index = session.index;
  closing_.pop_back();
  if (idle) free(session);
}

void SessionTable::free(Session& session) {
  const auto it = sessions_.find(static_cast<std::uint32_t>(session.id().session));
  worker_.retire(std::shared_ptr<Session>(std::move(it->second)));
  sessions_.erase(it);
}

void SessionTable::tell(const Envelope& notice) {
  // One that waits goes before: order is kept.
  if (untold_.empty() && router_->deliver(notice) != Delivery::full) return;
  if (untold_.size() < kMaxUntold) {
    untold_.push_back(notice);
    return;
  }
  if (counters_.lost_ends.get() == 0) {
    base::log(base::Room::session)
        .error(
            "a service takes neither messages nor notices of its clients' ends; they are dropped from now on, and "
            "it may keep clients that are gone service={}",
            names().service_id(notice.to));
  }
  counters_.lost_ends.add();
}

void SessionTable::retry_told() {
  if (untold_.empty()) return;
  full_.clear();
  for (const Envelope& notice : std::exchange(untold_, {})) {
    if (!contains(full_, notice.to)) {
      if (router_->deliver(notice) != Delivery::full) continue;
      full_.push_back(notice.to);
    }
    untold_.push_back(notice);
  }
}

void SessionTable::retry_waiting() {
  if (waiting_.empty()) return;
  full_.clear();
  retrying_.swap(waiting_);
  for (Session* session : retrying_) {
    // Who is full for one is full for all behind it.
    if (contains(full_, session->waits_for())) {
      waiting_.push_back(session);
      continue;
    }
    session->retry();
    if (session->waiting()) full_.push_back(session->waits_for());
  }
  retrying_.clear();
}

void SessionTable::rebind_lost() {
  std::vector<ServiceRef> lost;
  {
    const std::lock_guard lock(mutex_);
    lost.swap(lost_);
  }
  if (lost.empty()) return;
  std::sort(lost.begin(), lost.end());
  for (const auto& shard : shards_) {
    for (std::size_t i = shard->sessions.size(); i-- > 0;) shard->sessions[i]->services_lost(lost);
  }
}

Shard* SessionTable::find(ServiceRef owner) {
  for (const auto& shard : shards_) {
    if (shard->rules.owner == owner && !shard->frontend->closed) return shard.get();
  }
  return nullptr;
}

Session* SessionTable::find(ServiceRef owner, std::uint64_t number) {
  const auto it = sessions_.find(static_cast<std::uint32_t>(number));
  if (it != sessions_.end() && it->second->id() == routing::ClientId{owner, number} && it->second->open()) {
    return it->second.get();
  }
  counters_.unknown_session.add();
  return nullptr;
}

}  // namespace cm::session
