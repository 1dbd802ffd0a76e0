#include "mesh/link.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace cm::mesh {

using base::log_value;
using base::Room;
using routing::Delivery;
using routing::Envelope;
using routing::ServiceRef;

namespace {

constexpr int kTicksPerLoad = 2;
constexpr int kTicksPerInfo = 5;

}  // namespace

Link::Link(std::shared_ptr<LinkTable> table, net::IoWorker& worker, std::string host)
    : table_(std::move(table)),
      config_(table_->config()),
      worker_(worker),
      registry_(table_->registry()),
      host_(std::move(host)),
      queue_({config_.outbox_soft, config_.outbox_hard}),
      sender_(registry_.names()),
      reader_(config_.peer.max_frame),
      refs_(registry_.names(), config_.peer),
      remote_(registry_, host_),
      local_(registry_, sender_),
      arrivals_(registry_, *this, config_.peer.max_clients) {
  publish_info();
}

Delivery Link::take(RemoteService& service, const Envelope& envelope) {
  const std::size_t limit = must_arrive(envelope.kind) ? config_.outbox_hard : config_.outbox_soft;
  if (load_.load(std::memory_order_relaxed) + queue_.size_bytes() > limit) {
    // Said before the second look: either that sees the room, or who makes the room sees this.
    refused_.store(true);
    if (load_.load() + queue_.size_bytes() > limit) return Delivery::full;
  }
  if (worker_.on_this_thread()) {
    append(service, envelope);
    return Delivery::sent;
  }
  const auto put = queue_.put(envelope);
  if (put.was_empty) worker_.wake(shared_from_this());
  return put.delivery;
}

void Link::want(std::vector<Candidate> candidates) {
  worker_.post([self = shared_from_this(), candidates = std::move(candidates)]() mutable {
    self->set_candidates(std::move(candidates));
  });
}

void Link::accept(net::Fd socket, pb::Hello hello) {
  auto shared = std::make_shared<net::Fd>(std::move(socket));
  worker_.post([self = shared_from_this(), shared, hello = std::move(hello)] {
    self->on_hello(std::make_shared<Opening>(self->worker_.context(), std::move(*shared)), hello);
  });
}

void Link::on_local_change() {
  local_changed_.store(true);
  worker_.wake(shared_from_this());
}

void Link::on_room() {
  if (!parked_.load()) return;
  local_room_.store(true);
  worker_.wake(shared_from_this());
}

void Link::give_way(std::vector<ServiceRef> services) {
  worker_.post([self = shared_from_this(), services = std::move(services)]() mutable {
    if (self->conn_) return;
    std::sort(services.begin(), services.end());
    self->withdraw(services);
  });
}

void Link::stop(std::function<void()> done) {
  worker_.post([self = shared_from_this(), done = std::move(done)] {
    self->drain_queue();
    self->stopping_ = true;
    self->stopped_ = done;
    self->abandon_attempt();
    if (self->conn_) {
      self->say_goodbye(pb::Refusal::STOPPING, "host " + self->config_.name + " is going down");
    } else {
      self->finish_stop();
    }
  });
}

void Link::finish_stop() {
  close_connection();
  give_up("this host is going down");
  if (challenge_) std::exchange(challenge_, std::nullopt)->opening->abandon();
  publish_info();
  if (const auto done = std::exchange(stopped_, nullptr)) done();
}

void Link::abort() {
  stopping_ = true;
  stopped_ = nullptr;
  abandon_attempt();
  finish_stop();
  queue_.close();
  release_snapshots();
}

void Link::release_snapshots() {
  arrivals_.release_snapshot();
  local_.release_snapshot();
}

void Link::tick() {
  const std::int64_t now = worker_.now_ms();
  retry_parked();
  if (challenge_ && now - challenge_->since_ms >= config_.duplicate_check.count()) {
    // A peer that does not read, but lives, has pinged.
    settle_challenge(heard_ms_ - challenge_->since_ms > config_.duplicate_check.count() / 3);
  }
  // A handshake that began in time may end.
  const bool agreeing = attempt_ && (!dialing_ || hello_sent_);
  if (broken_ms_ != 0 && !agreeing && now - broken_ms_ >= config_.grace.count()) {
    if (conn_) {
      expire_lost();
    } else {
      give_up("not linked again within the grace time: " + last_error_);
    }
  }
  if (++ticks_ % kTicksPerInfo == 0) publish_info();
  if (conn_) keep_alive(now);
  dial_if_due();
  if (conn_ && ticks_ % kTicksPerLoad == 0) local_.send_loads(now);
  if (conn_ && sender_.stream().unsent() > 0) dirty();
  release_snapshots();
  if (forget_if_idle()) worker_.retire(shared_from_this());
}

void Link::keep_alive(std::int64_t now) {
  if (conn_->reading() && now - heard_ms_ >= config_.silence.count()) {
    drop_connection("nothing heard for " + std::to_string(now - heard_ms_) + " ms");
    return;
  }
  // Only a peer that asks and never acknowledges lets it grow so far.
  if (sender_.stream().size() > 2 * config_.outbox_hard) {
    protocol_error("it acknowledges nothing");
    return;
  }
  if (ack_due_) send_ack();
  if (now - pinged_ms_ >= config_.ping.count() && sender_.stream().unsent() == 0) {
    pinged_ms_ = now;
    const auto us = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::microseconds(1);
    sender_.number(FrameType::ping, static_cast<std::uint64_t>(us));
  }
}

bool Link::forget_if_idle() {
  if (conn_ || attempt_ || challenge_ || stopping_ || forgotten_ || stream_ != 0 || !candidates_.empty() ||
      arrivals_.parked_bytes() > 0 || !table_->forget(*this)) {
    return false;
  }
  forgotten_ = true;
  base::log(Room::mesh).debug("peer forgotten peer={}", log_value(host_));
  return true;
}

const char* Link::state() const {
  if (stopping_) return "stopping";
  if (conn_) return "up";
  if (attempt_) return "connecting";
  return stream_ != 0 ? "broken" : "waiting";
}

void Link::publish_info() {
  LinkInfo info;
  info.host = host_;
  info.boot = boot_;
  info.address = !address_.empty() || candidates_.empty() ? address_ : candidates_.front().address;
  info.state = state();
  info.dialed = dialed_;
  info.messages_in = messages_in_;
  info.messages_out = messages_out_;
  info.bytes_in = past_bytes_in_ + (conn_ ? conn_->bytes_in() : 0);
  info.bytes_out = past_bytes_out_ + (conn_ ? conn_->bytes_out() : 0);
  info.unacked = sender_.stream().unacked();
  info.queued = sender_.stream().unsent() + held_bytes_ + queue_.size_bytes();
  info.parked = arrivals_.parked_bytes();
  info.lost = lost_ + arrivals_.dropped();
  info.reconnects = connects_ > 0 ? connects_ - 1 : 0;
  info.rtt_ms = rtt_ms_;
  info.last_error = last_error_;
  info.worker = worker_.index();
  const bool same_services = std::exchange(services_shown_, remote_.version()) == remote_.version();
  if (!same_services) {
    remote_.for_each([&](RemoteService& s) { info.services.emplace_back(registry_.names().service_id(s.ref())); });
    std::sort(info.services.begin(), info.services.end());
  }
  const std::lock_guard lock(info_mutex_);
  if (same_services) info.services = std::move(info_.services);
  info_ = std::move(info);
}

LinkInfo Link::info() const {
  const std::lock_guard lock(info_mutex_);
  return info_;
}

}  // namespace cm::mesh
