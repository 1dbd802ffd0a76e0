// What the peer sends.
#include <algorithm>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "base/utf8.hpp"
#include "mesh/link.hpp"

namespace cm::mesh {

using base::log_value;
using base::Room;
using routing::Envelope;
using routing::Kind;
using routing::ServiceRef;

namespace {

// Received and not yet acknowledged: at most so much, so that what the peer keeps stays in its caches.
constexpr std::uint64_t kAckEvery = 64U << 10U;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr std::size_t kMaxReason = 512;  // bytes of it that the peer is told

base::Error malformed(const char* what) { return base::error(std::string("it sent a malformed ") + what); }

}  // namespace

std::span<std::byte> Link::read_space() { return reader_.prepare(worker_.read_buffer()); }

bool Link::on_bytes(std::size_t bytes) {
  const Connection* const connection = conn_.get();
  heard_ms_ = worker_.now_ms();
  reader_.commit(bytes);
  while (const auto frame = reader_.next()) {
    received_ += frame->size();
    if (frame->type == FrameType::goodbye) {
      on_goodbye(frame->payload);
      return false;
    }
    const base::Status status = on_frame(*frame);
    if (conn_.get() != connection) return false;
    if (!status) {
      protocol_error(status.error().text);
      return false;
    }
  }
  if (reader_.bad()) {
    protocol_error("it sent a frame of a length that no frame has");
    return false;
  }
  reader_.keep();
  if (const auto service = std::exchange(room_, std::nullopt)) registry_.notify_room(*service);
  if (const auto token = std::exchange(pong_, std::nullopt)) sender_.number(FrameType::pong, *token);
  if (received_ - acked_ >= kAckEvery) send_ack();
  if (sender_.stream().unsent() > 0) dirty();
  return arrivals_.parked_bytes() <= config_.backlog;
}

base::Status Link::on_frame(const Frame& frame) {
  const auto number = [&] { return get_u64(frame.payload.data()); };
  switch (frame.type) {
    case FrameType::envelope:
      ack_due_ = true;
      return on_envelope(frame.payload);
    case FrameType::ack:
      return frame.payload.size() == 8 ? on_ack(number()) : malformed("ack");
    case FrameType::pong:
      return frame.payload.size() == 8 ? on_pong(number()) : malformed("pong");
    case FrameType::ping:
      if (frame.payload.size() != 8) return malformed("ping");
      pong_ = number();
      break;
    case FrameType::define:
      if (frame.payload.size() < 4) return malformed("define");
      if (auto defined = refs_.define(get_u32(frame.payload.data()), text_of(frame.payload.subspan(4))); !defined) {
        return defined;
      }
      break;
    case FrameType::announce:
      ack_due_ = true;
      return on_announce(frame.payload);
    case FrameType::withdraw:
      ack_due_ = true;
      return on_withdraw(frame.payload);
    case FrameType::loads:
      ack_due_ = true;
      return on_loads(frame.payload);
    case FrameType::xoff:
    case FrameType::xon:
      ack_due_ = true;
      return on_peer_flow(frame.payload, frame.type == FrameType::xon);
    default:
      return base::error("it sent a frame of the unknown type " + std::to_string(static_cast<unsigned>(frame.type)));
  }
  ack_due_ = true;
  return {};
}

base::Status Link::on_envelope(std::span<const std::byte> payload) {
  std::optional<Envelope> decoded = decode_envelope(payload);
  if (!decoded) return malformed("envelope");
  Envelope& e = *decoded;
  PeerRefs::Known* const to = refs_.find(e.to);
  PeerRefs::Known* const from = refs_.find(e.from);
  PeerRefs::Known* const agent = refs_.find(e.client.agent);
  if (to == nullptr || (from == nullptr && e.from != ServiceRef::none) ||
      (agent == nullptr && e.client.agent != ServiceRef::none)) {
    return base::error("it sent an envelope with a service that it did not define");
  }
  const bool needs_client = e.kind == Kind::client_message || e.kind == Kind::client_closed;
  if (needs_client && agent == nullptr) return base::error("it sent a client's message without a client");
  if ((from != nullptr && !may_speak_for(*from)) || (needs_client && !may_speak_for(*agent))) {
    return base::error("it spoke for a service that is on another host");
  }
  e.to = to->ref;
  e.from = from != nullptr ? from->ref : ServiceRef::none;
  e.client.agent = agent != nullptr ? agent->ref : ServiceRef::none;
  ++messages_in_;
  arrivals_.take(e, agent != nullptr && remote_.find(e.client.agent) != nullptr);
  return {};
}

bool Link::may_speak_for(PeerRefs::Known& known) {
  const auto& snapshot = arrivals_.snapshot();
  if (known.cleared == snapshot.version && snapshot.version != 0) return true;
  // What it announced is its own also while another host still holds it in the registry.
  if (remote_.find(known.ref) == nullptr && snapshot.find(known.ref) != nullptr) return false;
  known.cleared = snapshot.version;
  return true;
}

base::Status Link::on_announce(std::span<const std::byte> payload) {
  pb::Announce message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return malformed("announcement");
  std::vector<RemoteServices::Announced> services;
  services.reserve(static_cast<std::size_t>(message.services_size()));
  std::size_t fresh = 0;
  for (const auto& service : message.services()) {
    routing::ServiceEntry entry;
    entry.ref = registry_.names().find(service.id());
    if (!refs_.defines(entry.ref)) return base::error("it announced a service that it did not define");
    entry.kind = registry_.names().kind_of(entry.ref);
    entry.public_address = service.public_address();
    entry.gateway = service.gateway();
    entry.draining = service.draining();
    entry.unhealthy = base::as_utf8(service.unhealthy(), kMaxReason);
    if (remote_.find(entry.ref) == nullptr) ++fresh;
    services.push_back({std::move(entry), service.frontend()});
  }
  if (remote_.size() + fresh > config_.peer.max_services) {
    return base::error("it announced more than " + std::to_string(config_.peer.max_services) +
                       " services (max_services)");
  }
  const auto refused = remote_.announce(shared_from_this(), std::move(services));
  if (!refused.empty()) {
    base::log(Room::mesh)
        .warn("announced twice peer={} services={} first={} reason={}", log_value(host_), refused.size(),
              log_value(registry_.names().service_id(refused.front().first)), log_value(refused.front().second.text));
    std::vector<ServiceRef> held_elsewhere;
    for (const auto& [ref, why] : refused) held_elsewhere.push_back(ref);
    table_->give_way(held_elsewhere);
  }
  for (const auto& service : message.services()) {
    const ServiceRef ref = registry_.names().find(service.id());
    RemoteService& known = *remote_.find(ref);
    if (service.load_known() && !known.shadowed) {
      registry_.set_load(ref, service.load(), LocalServices::kLoadTtlMs);
    }
    held_bytes_ -= known.held.bytes();
    for (; !known.held.empty(); known.held.pop()) {
      if (!sender_.envelope(known.held.front())) ++lost_;
    }
  }
  if (broken_ms_ != 0 && !remote_.any_lost()) broken_ms_ = 0;
  update_load();
  return {};
}

base::Status Link::on_withdraw(std::span<const std::byte> payload) {
  if (payload.size() % 4 != 0) return malformed("withdrawal");
  std::vector<ServiceRef> services;
  for (; !payload.empty(); payload = payload.subspan(4)) {
    const auto* known = refs_.find(static_cast<ServiceRef>(get_u32(payload.data())));
    if (known == nullptr) return base::error("it withdrew a service that it did not define");
    services.push_back(known->ref);
  }
  std::sort(services.begin(), services.end());
  services.erase(std::unique(services.begin(), services.end()), services.end());
  withdraw(services);
  return {};
}

base::Status Link::on_loads(std::span<const std::byte> payload) {
  if (payload.size() % 12 != 0) return malformed("load report");
  for (; !payload.empty(); payload = payload.subspan(12)) {
    const auto* known = refs_.find(static_cast<ServiceRef>(get_u32(payload.data())));
    if (known == nullptr) return base::error("it reported the load of a service that it did not define");
    const RemoteService* service = remote_.find(known->ref);
    if (service == nullptr || service->shadowed) continue;
    registry_.set_load(known->ref, get_u64(payload.data() + 4), LocalServices::kLoadTtlMs);
  }
  return {};
}

base::Status Link::on_peer_flow(std::span<const std::byte> payload, bool open) {
  if (payload.size() != 5 || std::to_integer<unsigned>(payload[4]) > 1) return malformed("flow control");
  const auto* known = refs_.find(static_cast<ServiceRef>(get_u32(payload.data())));
  if (known == nullptr) return base::error("it stopped a service that it did not define");
  RemoteService* service = remote_.find(known->ref);
  if (service == nullptr) return {};
  // Told at the end of the read: who hears of it looks at everything that waits.
  if (service->set_open(static_cast<Side>(payload[4]), open) && open) {
    room_ = !room_ || *room_ == known->ref ? known->ref : ServiceRef::none;
  }
  return {};
}

base::Status Link::on_ack(std::uint64_t offset) {
  OutStream& stream = sender_.stream();
  if (offset < std::exchange(peer_acked_, offset)) return base::error("its acknowledgements go backwards");
  // An ack that was on its way when the connection broke comes again, and the handshake has said more.
  if (offset < stream.acked()) return {};
  if (!stream.on_acked(offset)) {
    return base::error(offset > stream.most_sent() ? "it acknowledged what was never sent"
                                                   : "it acknowledged a part of a frame");
  }
  update_load();
  if (stopping_ && stream.size() == 0) finish_stop();
  return {};
}

base::Status Link::on_pong(std::uint64_t token) {
  if (challenge_ && challenge_->token == token) {
    settle_challenge(true);
    return {};
  }
  const auto now =
      static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::microseconds(1));
  if (token <= now) rtt_ms_ = static_cast<double>(now - token) / 1000;
  return {};
}

void Link::on_goodbye(std::span<const std::byte> payload) {
  pb::Goodbye goodbye;
  const bool parsed = goodbye.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
  const std::string why = "the peer closed the link: " + (parsed ? goodbye.text() : "malformed goodbye");
  const bool orderly = parsed && goodbye.reason() == pb::Refusal::STOPPING;
  base::log(Room::mesh)
      .log(orderly ? spdlog::level::info : spdlog::level::err, "link closed peer={} reason={}", log_value(host_),
           log_value(why));
  send_ack();
  conn_->send(sender_.stream());
  close_for_good(why);
}

void Link::protocol_error(const std::string& what) {
  base::log(Room::mesh)
      .error("link closed: the peer broke the protocol peer={} reason={}", log_value(host_), log_value(what));
  say_goodbye(pb::Refusal::PROTOCOL, base::as_utf8(what, kMaxReason));
  conn_->send(sender_.stream());
  close_for_good("the peer broke the protocol: " + what);
}

}  // namespace cm::mesh
