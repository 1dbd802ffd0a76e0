// What is sent to the peer, and when.
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "mesh/link.hpp"

namespace cm::mesh {

using base::log_value;
using base::Room;
using routing::Envelope;
using routing::ServiceRef;

void Link::say_goodbye(pb::Refusal::Reason reason, std::string text) {
  pb::Goodbye goodbye;
  goodbye.set_reason(reason);
  goodbye.set_text(std::move(text));
  const std::string bytes = goodbye.SerializeAsString();
  sender_.frame(FrameType::goodbye, std::as_bytes(std::span(bytes)));
  dirty();
}

void Link::on_flow(ServiceRef service, Side side, bool open) {
  if (!open) parked_.store(true);
  if (stream_ == 0) return;
  base::log(Room::mesh)
      .debug("flow service={} peer={} open={}", registry_.names().service_id(service), log_value(host_), open);
  sender_.flow(open ? FrameType::xon : FrameType::xoff, service, side);
  dirty();
}

void Link::on_answer(const Envelope& envelope) {
  if (RemoteService* service = remote_.find(envelope.to)) append(*service, envelope);
}

void Link::append(RemoteService& service, const Envelope& envelope) {
  if (stopping_) {
    ++lost_;
    return;
  }
  if (service.lost) {
    const std::size_t before = service.held.bytes();
    service.held.push(envelope);
    held_bytes_ += service.held.bytes() - before;
  } else if (sender_.envelope(envelope)) {
    dirty();
  } else {
    ++lost_;
    return;
  }
  ++messages_out_;
  if (envelope.kind == routing::Kind::bind) {
    const std::string_view id(reinterpret_cast<const char*>(envelope.body.data()), envelope.body.size());
    const ServiceRef to = registry_.names().find(id);
    if (to != ServiceRef::none) arrivals_.bound({service.ref(), envelope.client.session}, to);
  }
  // Growing wakes nobody, so this store need not be seen in order.
  load_.store(sender_.stream().size() + held_bytes_, std::memory_order_relaxed);
}

void Link::drain_queue() {
  if (queue_.take(batch_)) refused_.store(true);
  batch_.for_each([&](const Envelope& envelope) {
    if (RemoteService* service = remote_.find(envelope.to)) {
      append(*service, envelope);
    } else {
      ++lost_;
    }
    return true;
  });
  update_load();
}

void Link::on_wake() {
  if (local_changed_.exchange(false)) {
    sync_local();
    remote_.retry_shadowed();
  } else {
    drain_queue();
  }
  if (local_room_.exchange(false)) retry_parked();
}

// A service is announced before what it sends, and withdrawn after.
void Link::sync_local() {
  if (stream_ != 0) local_.announce();
  drain_queue();
  if (stream_ == 0) return;
  if (const auto gone = local_.withdraw(); !gone.empty()) arrivals_.services_gone(gone);
  dirty();
}

void Link::retry_parked() {
  if (arrivals_.parked_bytes() == 0) return;
  arrivals_.retry();
  parked_.store(arrivals_.parked_bytes() > 0);
  if (!conn_ || conn_->reading() || arrivals_.parked_bytes() > config_.backlog / 2) return;
  heard_ms_ = worker_.now_ms();  // it was not listened to
  conn_->resume_reading();
}

void Link::send_ack() {
  sender_.number(FrameType::ack, received_);
  acked_ = received_;
  ack_due_ = false;
}

void Link::dirty() {
  if (conn_) worker_.mark_dirty(*this, net::IoWorker::FlushOrder::link);
}

void Link::flush() {
  if (conn_) conn_->send(sender_.stream());
}

void Link::update_load() {
  const std::size_t load = sender_.stream().size() + held_bytes_;
  load_.store(load);
  if (refused_.load() && load < config_.outbox_soft / 2) {
    refused_.store(false);
    registry_.notify_room(ServiceRef::none);
  }
}

}  // namespace cm::mesh
